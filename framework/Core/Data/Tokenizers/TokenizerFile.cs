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
            var file = Directory.Exists(path) ? InFolder(path) : path;
            if (!File.Exists(file))
            {
                throw new BadInputException($"data.tokenizer: there is no file {file}; {Allowed}.");
            }

            return Path.GetFileName(file) switch
            {
                "vocab.json" or "merges.txt" => VocabularyAndMerges.Read(Path.GetDirectoryName(file)!),
                var name when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) => TokenizerJson.Read(file),
                var name when name.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase) => TiktokenRanks.Read(file),
                var name when name.EndsWith(".model", StringComparison.OrdinalIgnoreCase) => SentencePiece.Read(file),
                _ => throw new BadInputException($"data.tokenizer: {file} is no tokenizer file by its name; {Allowed}."),
            };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BadInputException($"data.tokenizer: {path} cannot be read as a tokenizer: {failure.Message}", failure);
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

    private static string InFolder(string folder)
    {
        string[] names = ["tokenizer.json", "vocab.json", "tokenizer.model"];
        return names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? Directory.EnumerateFiles(folder, "*.tiktoken").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? throw new BadInputException($"data.tokenizer: the folder {folder} has no tokenizer file; {Allowed}.");
    }
}
