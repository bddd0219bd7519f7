namespace Pipeline.Core.Data;

/// <summary>A token is a byte.</summary>
internal sealed class ByteSequence(long length) : ITokenSequence
{
    public long Count => length;

    public void Read(MappedFile bytes, long offset, Span<long> tokens)
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
