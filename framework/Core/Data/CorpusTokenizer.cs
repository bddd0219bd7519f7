namespace Pipeline.Core.Data;

/// <summary>What reads the files of a corpus.</summary>
internal sealed class CorpusTokenizer(string name, int vocabulary, string? characters, IReadOnlyList<ITokenSequence> files) : ITokenizer
{
    public string Name => name;

    public int Vocabulary => vocabulary;

    public string? Characters => characters;

    public long Count(int file) => files[file].Count;

    public void Read(int file, MappedFile bytes, long offset, Span<long> tokens) => files[file].Read(bytes, offset, tokens);

    public void MarkStarts(int file, MappedFile bytes, long offset, Span<bool> starts) => files[file].MarkStarts(bytes, offset, starts);
}
