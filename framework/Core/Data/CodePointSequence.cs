namespace Pipeline.Core.Data;

/// <summary>A token is a Unicode character of documents that are part of a file: a token file of code points.</summary>
internal sealed class CodePointSequence(TokenFile file, Lazy<CharacterTable> table) : ITokenSequence
{
    public long Count => file.Count;

    public void Read(MappedFile bytes, long offset, Span<long> tokens)
    {
        file.Read(bytes, offset, tokens);
        foreach (ref var token in tokens)
        {
            token = table.Value.Id((int)token);
        }
    }

    public void MarkStarts(MappedFile bytes, long offset, Span<bool> starts) => file.MarkStarts(bytes, offset, starts);
}
