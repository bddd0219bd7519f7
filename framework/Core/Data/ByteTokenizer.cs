namespace Pipeline.Core.Data;

/// <summary>A token is a byte.</summary>
internal sealed class ByteTokenizer(IReadOnlyList<long> lengths) : ITokenizer
{
    public string Name => "bytes";

    public int Vocabulary => 256;

    public string? Characters => null;

    public long Count(int file) => lengths[file];

    public void Read(int file, MappedFile bytes, long offset, Span<long> tokens)
    {
        Span<byte> buffer = stackalloc byte[512];
        while (!tokens.IsEmpty)
        {
            var part = buffer[..bytes.Read(offset, buffer[..Math.Min(buffer.Length, tokens.Length)])];
            for (var i = 0; i < part.Length; i++)
            {
                tokens[i] = part[i];
            }

            offset += part.Length;
            tokens = tokens[part.Length..];
        }
    }
}
