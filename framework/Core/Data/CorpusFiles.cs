using System.Security.Cryptography;
using Pipeline.Core.Data.Formats;
using Pipeline.Core.Data.Tokenizers;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>Opens the files of a corpus one after another, each as the tokenizer and its format ask.</summary>
internal sealed class CorpusFiles
{
    private readonly IDocumentEncoder encoder;
    private readonly TokenCache cache;
    private readonly Lazy<CharacterTable> table;

    /// <summary>By code point: whether it occurs in any file; null with other tokenizers than chars.</summary>
    private readonly bool[]? seen;

    /// <summary>The code points that may occur; null where any may.</summary>
    private readonly HashSet<int>? known;

    /// <param name="folder">What a tokenizer's path is relative to.</param>
    /// <param name="characters">The table of the tokenizer chars, where a model has one already.</param>
    /// <exception cref="BadInputException">The tokenizer is not one.</exception>
    public CorpusFiles(TextDataSettings settings, string folder, string? characters)
    {
        encoder = settings.Tokenizer switch
        {
            "bytes" => new Utf8Encoder(),
            "chars" => new CodePointEncoder(),
            var path => TokenizerFile.Open(Path.GetFullPath(path, folder)),
        };
        seen = encoder is CodePointEncoder ? new bool[0x11_0000] : null;
        table = new(() => new CharacterTable(seen!));
        cache = new(settings, folder);
        if (seen is not null && characters is not null)
        {
            known = [.. characters.EnumerateRunes().Select(rune => rune.Value)];
            foreach (var codePoint in known)
            {
                seen[codePoint] = true;   // keeps its id also where the files lack it
            }
        }
    }

    /// <summary>When all files are open.</summary>
    /// <exception cref="BadInputException">They have a character that the given table lacks.</exception>
    public void CheckCharacters()
    {
        if (known is not null && Enumerable.Range(0, seen!.Length).FirstOrDefault(codePoint => seen[codePoint] && !known.Contains(codePoint), -1) is >= 0 and var strange)
        {
            throw new BadInputException($"data.files: the text has the character U+{strange:X4}, which is not one of the {known.Count} that the model was trained on.");
        }
    }

    public (string Sha256, ITokenSequence Sequence, MappedFile Map) Open(string path)
    {
        var format = Documents.FormatOf(path);
        var text = format == DataFormat.Text && encoder is not TokenizerFile;
        var scan = text && seen is not null ? new CharacterScan(path, seen) : null;
        var sha256 = Hash(path, scan);
        if (text)
        {
            var map = new MappedFile(path);
            return (sha256, scan is null ? new ByteSequence(map.Length) : new CharacterSequence(scan, table), map);
        }

        var file = format == DataFormat.Tokens ? Given(path) : cache.Open(path, sha256, encoder, seen);
        return (sha256, seen is null ? file : new CodePointSequence(file, table), file.Map);
    }

    /// <summary>When all files are open.</summary>
    public ITokenizer Tokenizer(IReadOnlyList<ITokenSequence> files) => seen is null
        ? new CorpusTokenizer(encoder.Identity, encoder.Vocabulary, null, files)
        : new CorpusTokenizer(encoder.Identity, table.Value.Count, table.Value.Characters, files);

    /// <summary>A token file that the user has.</summary>
    private TokenFile Given(string path)
    {
        if (seen is not null)
        {
            throw new BadInputException($"{path} has tokens, and the tokenizer chars makes its table of characters; data.tokenizer must be what the file was made with.");
        }

        var file = TokenFile.Open(path);
        var other = file.Header.Tokenizer != UInt128.Zero && file.Header.Tokenizer != TokenFileHeader.Hash(encoder.Identity);
        if (!other && file.Header.Vocabulary <= encoder.Vocabulary)
        {
            return file;
        }

        file.Map.Dispose();
        throw new BadInputException(other
            ? $"{path} was made with another tokenizer than data.tokenizer is."
            : $"{path} has a vocabulary of {file.Header.Vocabulary} tokens; data.tokenizer has {encoder.Vocabulary}.");
    }

    private static string Hash(string path, CharacterScan? scan)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[1 << 20];
        for (int count; (count = stream.Read(block)) > 0;)
        {
            hash.AppendData(block, 0, count);
            scan?.Add(block.AsSpan(0, count));
        }

        scan?.End();
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
