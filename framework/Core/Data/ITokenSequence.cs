namespace Pipeline.Core.Data;

/// <summary>A file as tokens, by position, without loading it.</summary>
internal interface ITokenSequence
{
    long Count { get; }

    /// <summary>The tokens from <paramref name="offset"/> on, as many as <paramref name="tokens"/> takes; the file has them.</summary>
    void Read(MappedFile bytes, long offset, Span<long> tokens);

    /// <summary>Sets those of the tokens from <paramref name="offset"/> on that begin a document; without more, the file is one.</summary>
    void MarkStarts(MappedFile bytes, long offset, Span<bool> starts)
    {
        if (offset == 0)
        {
            starts[0] = true;
        }
    }
}
