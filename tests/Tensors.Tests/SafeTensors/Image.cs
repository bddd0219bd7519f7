using System.Buffers.Binary;
using System.Text;

namespace Pipeline.Tensors.Tests.SafeTensors;

/// <summary>Safetensors files made by hand, right or wrong.</summary>
internal static class Image
{
    public static byte[] Of(string header, params byte[] data) => Of(Encoding.UTF8.GetBytes(header), data);

    public static byte[] Of(byte[] header, params byte[] data) => [.. Prefix((ulong)header.Length), .. header, .. data];

    public static byte[] Prefix(ulong headerBytes)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, headerBytes);
        return prefix;
    }
}
