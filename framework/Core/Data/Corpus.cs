using System.Security.Cryptography;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>A run's data: all files one after another as one sequence of tokens, mapped into memory, never loaded. Opening reads each
/// file once, for its hash and, with the character tokenizer, its vocabulary. Reading is safe from several threads.</summary>
public sealed class Corpus : IDisposable
{
    private readonly List<MappedFile> maps = [];
    private readonly long[] starts;

    /// <param name="folder">What relative patterns are relative to: the job file's folder.</param>
    /// <param name="characters">The table of the character tokenizer, as a model has it; what occurs in the files without it.</param>
    /// <exception cref="BadInputException">A pattern matches nothing, a named file is empty or unreadable, text is not UTF-8, or it has characters that
    /// the given table lacks.</exception>
    public Corpus(DataSettings settings, string folder, string? characters = null)
        : this(settings, folder, Paths(settings, folder), characters)
    {
    }

    /// <summary>The files of a run as it has frozen them.</summary>
    /// <exception cref="BadInputException">One is missing, or is not as it was.</exception>
    public Corpus(DataSettings settings, string folder, IReadOnlyList<DataFile> frozen)
        : this(settings, folder, [.. frozen.Select(file => (file.Path, Path.GetFullPath(file.Path, folder)))])
    {
        if (Files.Except(frozen).Concat(frozen.Except(Files)).FirstOrDefault() is { } other)
        {
            Dispose();
            throw new BadInputException($"data.files: {Path.GetFullPath(other.Path, folder)} is not the file that the run has: its content differs.");
        }
    }

    private Corpus(DataSettings settings, string folder, IReadOnlyList<(string Path, string FullPath)> paths, string? table = null)
    {
        var files = new List<DataFile>();
        var scans = new List<CharacterScan>();
        var characters = settings.Tokenizer == "chars" ? new bool[0x11_0000] : null;
        if (characters is not null && table is not null)
        {
            foreach (var rune in table.EnumerateRunes())
            {
                characters[rune.Value] = true;   // keeps its id also where the files lack it
            }
        }

        try
        {
            foreach (var (path, full) in paths)
            {
                if (new FileInfo(full).Length > 0)
                {
                    var scan = characters is null ? null : new CharacterScan(full, characters);
                    files.Add(Read(path, full, scan));
                    scans.AddRange(scan is null ? [] : [scan]);
                    maps.Add(new MappedFile(full));
                }
                else if (settings.Files.Any(pattern => Path.GetFullPath(pattern, folder) == full))
                {
                    throw new BadInputException($"data.files: {full} is empty.");
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"data.files: {failure.Message}", failure);
        }

        if (table is not null && characters is not null)
        {
            CheckTable(table, characters);
        }

        Files = files;
        Tokenizer = characters is not null ? new CharacterTokenizer(scans, characters) : new ByteTokenizer([.. files.Select(file => file.Bytes)]);
        starts = new long[files.Count + 1];
        for (var i = 0; i < files.Count; i++)
        {
            starts[i + 1] = starts[i] + Tokenizer.Count(i);
        }
    }

    public IReadOnlyList<DataFile> Files { get; }

    public ITokenizer Tokenizer { get; }

    /// <summary>Tokens of all files.</summary>
    public long Count => starts[^1];

    /// <summary>Copies the tokens from <paramref name="offset"/> on; a read may cross from file to file.</summary>
    public void Read(long offset, Span<long> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + tokens.Length, Count);
        var file = Array.BinarySearch(starts, offset);
        for (file = file < 0 ? ~file - 1 : file; !tokens.IsEmpty; file++)
        {
            var count = (int)Math.Min(tokens.Length, starts[file + 1] - offset);
            if (count > 0)
            {
                Tokenizer.Read(file, maps[file], offset - starts[file], tokens[..count]);
            }

            offset += count;
            tokens = tokens[count..];
        }
    }

    public void Dispose()
    {
        foreach (var map in maps)
        {
            map.Dispose();
        }
    }

    private static IReadOnlyList<(string Path, string FullPath)> Paths(DataSettings settings, string folder)
    {
        try
        {
            return FileGlob.Expand(settings.Files, folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"data.files: {failure.Message}", failure);
        }
    }

    private void CheckTable(string table, bool[] seen)
    {
        var known = table.EnumerateRunes().Select(rune => rune.Value).ToHashSet();
        var strange = Enumerable.Range(0, seen.Length).FirstOrDefault(codePoint => seen[codePoint] && !known.Contains(codePoint), -1);
        if (strange >= 0)
        {
            Dispose();
            throw new BadInputException($"data.files: the text has the character U+{strange:X4}, which is not one of the {known.Count} that the model was trained on.");
        }
    }

    private static DataFile Read(string path, string full, CharacterScan? scan)
    {
        using var stream = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[1 << 20];
        long bytes = 0;
        for (int count; (count = stream.Read(block)) > 0; bytes += count)
        {
            hash.AppendData(block, 0, count);
            scan?.Add(block.AsSpan(0, count));
        }

        scan?.End();
        return new(path, bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
