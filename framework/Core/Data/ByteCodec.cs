using System.Text;

namespace Pipeline.Core.Data;

/// <summary>A token is a byte of UTF-8 text.</summary>
public sealed class ByteCodec : ITextCodec
{
    public IReadOnlyList<long> Encode(string text) => [.. Encoding.UTF8.GetBytes(text).Select(value => (long)value)];

    public string Decode(IReadOnlyList<long> tokens) => Encoding.UTF8.GetString([.. tokens.Select(token => checked((byte)token))]);
}
