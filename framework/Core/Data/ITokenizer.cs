namespace Pipeline.Core.Data;

/// <summary>Turns a file's bytes into token ids by position, without loading the file.</summary>
public interface ITokenizer
{
    /// <summary>The word in the job file; of a tokenizer file what it is and a hash of its content.</summary>
    string Name { get; }

    /// <summary>Number of distinct tokens; ids are 0 up to this.</summary>
    int Vocabulary { get; }

    /// <summary>The characters in the order of their ids; null where ids need no table.</summary>
    string? Characters { get; }

    /// <summary>Tokens of the file with this index.</summary>
    long Count(int file);

    /// <summary>The tokens from <paramref name="offset"/> on, as many as <paramref name="tokens"/> takes; the file has them.</summary>
    void Read(int file, MappedFile bytes, long offset, Span<long> tokens);

    /// <summary>Sets those of the tokens from <paramref name="offset"/> on that begin a document; <paramref name="starts"/> is not empty, and the file
    /// has as many.</summary>
    void MarkStarts(int file, MappedFile bytes, long offset, Span<bool> starts);
}
