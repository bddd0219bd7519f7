using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A whole checkpoint on disk.</summary>
public sealed class Checkpoint
{
    /// <summary>Of the names of optimizer state.</summary>
    internal const string OptimizerPrefix = "optimizer.";

    /// <summary>Of the names of what slots carry from step to step.</summary>
    internal const string CarryPrefix = "carry.";

    /// <summary>Of the names of parameters' averages.</summary>
    internal const string AveragePrefix = "ema.";

    private readonly TensorIndex index;

    private Checkpoint(string directory, Manifest manifest)
    {
        Directory = directory;
        Manifest = manifest;
        index = new(directory, manifest.Shards);
    }

    public string Directory { get; }

    public Manifest Manifest { get; }

    /// <summary>Opens a checkpoint and verifies every shard's size and hash, and that no piece of a tensor is missing.</summary>
    /// <exception cref="BadInputException">It is incomplete or damaged.</exception>
    public static Checkpoint Open(string directory)
    {
        var manifest = Manifest.Read(directory);
        foreach (var shard in manifest.Shards)
        {
            Verify(Path.Combine(directory, shard.File), shard.Bytes, shard.Sha256);
        }

        foreach (var file in manifest.TokenizerFiles ?? [])
        {
            Verify(Path.Combine(directory, TokenizerFiles.Folder, file.Path), file.Bytes, file.Sha256);
        }

        return new(directory, manifest);
    }

    /// <summary>Opens a checkpoint, or the newest whole one of a run.</summary>
    /// <param name="path">A checkpoint's folder, or a run directory.</param>
    /// <param name="passedOver">Told of each newer checkpoint that is damaged.</param>
    /// <exception cref="BadInputException">It is neither, or nothing in it is whole.</exception>
    public static Checkpoint Find(string path, Action<string>? passedOver = null)
    {
        if (!System.IO.Directory.Exists(path))
        {
            throw new BadInputException($"{path}: there is no such folder; name a checkpoint's folder or a run directory.");
        }

        if (File.Exists(Path.Combine(path, Manifest.FileName)))
        {
            return Open(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        }

        var damages = new List<string>();
        var newest = new[] { new RunDirectory(path).Checkpoints, path }
            .Select(folder => new CheckpointStore(folder, int.MaxValue).Newest(damages.Add)).FirstOrDefault(found => found is not null)
            ?? throw new BadInputException(string.Join(
                ' ', [$"{path} has no whole checkpoint: neither {Manifest.FileName} nor folders such as checkpoints/step-00000100.", .. damages]));
        damages.ForEach(passedOver ?? (_ => { }));
        return newest;
    }

    /// <summary>Opens a checkpoint whose shards another process has verified.</summary>
    /// <exception cref="BadInputException">It is not there.</exception>
    public static Checkpoint OpenVerified(string directory) => new(directory, Manifest.Read(directory));

    /// <summary>A reader for one stage's restore: fills a tensor in place by its layout-free name, from whichever shard has it. An imported
    /// model has no optimizer state: it starts at zero.</summary>
    public CheckpointReader Read() => new(Directory, index, Manifest.IsImport);

    private static void Verify(string path, long bytes, string sha256)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length != bytes)
            {
                throw new BadInputException($"{path} has {stream.Length} bytes, not the {bytes} of its manifest.");
            }

            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != sha256)
            {
                throw new BadInputException($"{path} does not have the SHA-256 of its manifest: it is damaged.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path} cannot be read: {failure.Message}", failure);
        }
    }
}
