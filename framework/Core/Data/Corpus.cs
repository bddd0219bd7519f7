using System.Globalization;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>A run's data: all files one after another as one sequence of tokens, mapped into memory, never loaded. Opening reads each
/// file once, for its hash and, with the character tokenizer, its vocabulary; what a tokenizer file or a format makes of a file is kept as a token file
/// in a cache. Reading is safe from several threads.</summary>
public sealed class Corpus : IDataset
{
    private readonly List<MappedFile> maps = [];
    private readonly ITokenizer tokenizer;
    private readonly long[] starts;

    /// <param name="folder">What relative patterns are relative to: the job file's folder.</param>
    /// <param name="characters">The table of the character tokenizer, as a model has it; what occurs in the files without it.</param>
    /// <exception cref="BadInputException">A pattern matches nothing, a named file is empty or unreadable, text is not UTF-8, or it has characters that
    /// the given table lacks.</exception>
    public Corpus(TextDataSettings settings, string folder, string? characters = null)
        : this(settings, folder, Paths(settings, folder), characters)
    {
    }

    /// <summary>The files of a run as it has frozen them.</summary>
    /// <exception cref="BadInputException">One is missing, or is not as it was.</exception>
    public Corpus(TextDataSettings settings, string folder, IReadOnlyList<DataFile> frozen)
        : this(settings, folder, [.. frozen.Select(file => (file.Path, Path.GetFullPath(file.Path, folder)))])
    {
        if (Files.Except(frozen).Concat(frozen.Except(Files)).FirstOrDefault() is { } other)
        {
            Dispose();
            throw new BadInputException($"data.files: {Path.GetFullPath(other.Path, folder)} is not the file that the run has: its content differs.");
        }
    }

    private Corpus(TextDataSettings settings, string folder, IReadOnlyList<(string Path, string FullPath)> paths, string? table = null)
    {
        var files = new List<DataFile>();
        var opening = new CorpusFiles(settings, folder, table);
        var sequences = new List<ITokenSequence>();
        try
        {
            foreach (var (path, full) in paths)
            {
                if (new FileInfo(full).Length > 0)
                {
                    var (sha256, sequence, map) = opening.Open(full);
                    maps.Add(map);
                    sequences.Add(sequence);
                    files.Add(new(path, new FileInfo(full).Length, sha256));
                }
                else if (settings.Files.Any(pattern => Path.GetFullPath(pattern, folder) == full))
                {
                    throw new BadInputException($"data.files: {full} is empty.");
                }
            }

            opening.CheckCharacters();
        }
        catch (Exception failure)
        {
            Dispose();
            if (failure is IOException or UnauthorizedAccessException)
            {
                throw new BadInputException($"data.files: {failure.Message}", failure);
            }

            throw;
        }

        Files = files;
        tokenizer = opening.Tokenizer(sequences);
        starts = new long[files.Count + 1];
        for (var i = 0; i < files.Count; i++)
        {
            starts[i + 1] = starts[i] + tokenizer.Count(i);
        }
    }

    public IReadOnlyList<DataFile> Files { get; }

    public ITokenizer Tokenizer => tokenizer;

    int? IDataset.Vocabulary => tokenizer.Vocabulary;

    string IDataset.Tokenizer => tokenizer.Name;

    string? IDataset.Characters => tokenizer.Characters;

    public string Description => string.Create(CultureInfo.InvariantCulture, $"{Count:N0} tokens in {Files.Count} files");

    /// <summary>Tokens of all files.</summary>
    public long Count => starts[^1];

    /// <summary>Copies the tokens from <paramref name="offset"/> on; a read may cross from file to file.</summary>
    public void Read(long offset, Span<long> tokens)
    {
        foreach (var (file, from, part) in Parts(offset, tokens.Length))
        {
            tokenizer.Read(file, maps[file], from, tokens[part]);
        }
    }

    /// <summary>Tells of each token from <paramref name="offset"/> on whether a document begins with it. A text file is one document, and so is each
    /// line of JSON lines and each row of Parquet.</summary>
    public void ReadStarts(long offset, Span<bool> starts)
    {
        starts.Clear();
        foreach (var (file, from, part) in Parts(offset, starts.Length))
        {
            tokenizer.MarkStarts(file, maps[file], from, starts[part]);
        }
    }

    public ISamples Samples(JobFile job) => new Samples(this, job);

    public void Dispose()
    {
        foreach (var map in maps)
        {
            map.Dispose();
        }
    }

    private static IReadOnlyList<(string Path, string FullPath)> Paths(TextDataSettings settings, string folder)
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

    /// <summary>The files that a range of tokens lies in, where in each it begins, and which part of the range that is.</summary>
    private IEnumerable<(int File, long From, Range Part)> Parts(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + length, Count);
        var file = Array.BinarySearch(starts, offset);
        var done = 0;
        for (file = file < 0 ? ~file - 1 : file; done < length; file++)
        {
            var count = (int)Math.Min(length - done, starts[file + 1] - offset - done);
            if (count > 0)
            {
                yield return (file, offset + done - starts[file], done..(done + count));
            }

            done += count;
        }
    }
}
