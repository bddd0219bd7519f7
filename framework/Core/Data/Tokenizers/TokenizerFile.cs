using System.Security.Cryptography;
using System.Text.Json;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>A tokenizer that the user has as a file. The file is read, never run, and its ids are those of the library that it comes from.</summary>
public abstract class TokenizerFile : ITextCodec, IDocumentEncoder
{
    internal const int LargestVocabulary = 1 << 24;

    private const long LargestFile = 256 << 20;

    private const string Allowed =
        "allowed are a tokenizer.json of a byte-level BPE tokenizer, vocab.json with merges.txt, a .tiktoken file, a SentencePiece tokenizer.model, or a folder with one of them";

    /// <summary>What it is and a hash of its content: two files of the same name give the same ids.</summary>
    public abstract string Name { get; }

    /// <summary>Rows that an embedding needs: the largest id and one.</summary>
    public abstract int Vocabulary { get; }

    /// <summary>The id that ends a document; null where the file names none.</summary>
    public abstract int? EndOfText { get; }

    string IDocumentEncoder.Identity => Name;

    /// <param name="path">A file, or a folder with one.</param>
    /// <exception cref="BadInputException">There is none, or it has something that cannot be done exactly as its own library does it.</exception>
    public static TokenizerFile Open(string path)
    {
        try
        {
            return Directory.Exists(path) ? InFolder(path)
                : File.Exists(path) ? Read(path)
                : throw new BadInputException($"data.tokenizer: there is no file {path}; {Allowed}.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, failure);
        }
    }

    /// <summary>The text's ids and no others: none that begin or end a document are added.</summary>
    public IReadOnlyList<long> Encode(string text)
    {
        var ids = new List<int>();
        Encode(text, first: true, ids);
        return [.. ids.Select(id => (long)id)];
    }

    public abstract string Decode(IReadOnlyList<long> tokens);

    /// <inheritdoc cref="IDocumentEncoder.Border"/>
    public abstract int Border(ReadOnlySpan<char> text);

    /// <inheritdoc cref="IDocumentEncoder.Encode"/>
    public abstract void Encode(string piece, bool first, List<int> ids);

    internal static byte[] Content(string file) => new FileInfo(file).Length <= LargestFile
        ? File.ReadAllBytes(file)
        : throw new BadInputException($"data.tokenizer: {file} has {new FileInfo(file).Length} bytes; a tokenizer file has at most {LargestFile}.");

    internal static string Hash(params byte[][] contents) =>
        $"sha256:{Convert.ToHexStringLower(SHA256.HashData([.. contents.Select(SHA256.HashData).SelectMany(hash => hash)]))}";

    private static TokenizerFile Read(string file)
    {
        try
        {
            return Path.GetFileName(file) switch
            {
                "vocab.json" or "merges.txt" => VocabularyAndMerges.Read(Path.GetDirectoryName(file)!),
                var name when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) => TokenizerJson.Read(file),
                var name when name.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase) => TiktokenRanks.Read(file),
                var name when name.EndsWith(".model", StringComparison.OrdinalIgnoreCase) => SentencePiece.Read(file),
                _ => throw new BadInputException($"data.tokenizer: {file} is no tokenizer file by its name; {Allowed}."),
            };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a JSON string that is no text, as with half a surrogate pair.
            throw Unreadable(file, failure);
        }
    }

    /// <summary>The first of the folder's files that is not refused. A vocab.json is passed over beside a tokenizer.json, even a refused one:
    /// it says nothing of a normalizer and a pattern, so that it would be read with GPT-2's, and the ids would be wrong.</summary>
    private static TokenizerFile InFolder(string folder)
    {
        string[] names = [File.Exists(Path.Combine(folder, "tokenizer.json")) ? "tokenizer.json" : "vocab.json", "tokenizer.model"];
        BadInputException? first = null;
        foreach (var file in names.Select(name => Path.Combine(folder, name)).Where(File.Exists)
            .Concat(Directory.EnumerateFiles(folder, "*.tiktoken").Order(StringComparer.Ordinal)))
        {
            try
            {
                return Read(file);
            }
            catch (BadInputException refusal)
            {
                first ??= refusal;
            }
        }

        throw first ?? new BadInputException($"data.tokenizer: the folder {folder} has no tokenizer file; {Allowed}.");
    }

    private static BadInputException Unreadable(string path, Exception failure) =>
        new($"data.tokenizer: {path} cannot be read as a tokenizer: {failure.Message}", failure);
}
