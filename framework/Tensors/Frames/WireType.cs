using static TorchSharp.torch;

namespace Pipeline.Tensors.Frames;

/// <summary>The numbers that element types have on the wire. A number never changes its meaning.</summary>
public static class WireType
{
    private static readonly (ScalarType Type, int Size)[] ByCode =
    [
        (ScalarType.Bool, 1), (ScalarType.Byte, 1), (ScalarType.Int8, 1), (ScalarType.Int16, 2), (ScalarType.Int32, 4), (ScalarType.Int64, 8),
        (ScalarType.Float16, 2), (ScalarType.BFloat16, 2), (ScalarType.Float32, 4), (ScalarType.Float64, 8),
    ];

    /// <exception cref="ArgumentException">No such number.</exception>
    public static byte Code(ScalarType type)
    {
        var code = Array.FindIndex(ByCode, row => row.Type == type);
        return code >= 0 ? (byte)code : throw new ArgumentException($"Tensors of type {type} are not sent.", nameof(type));
    }

    public static bool IsKnown(int code) => code >= 0 && code < ByCode.Length;

    public static ScalarType Type(int code) => ByCode[code].Type;

    /// <returns>Bytes an element.</returns>
    public static int Size(int code) => ByCode[code].Size;
}
