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

    /// <summary>Opens a checkpoint and verifies every file's size and hash, and that no piece of a tensor is missing before another: nothing but the
    /// model tells how many elements it has, so that a last piece is missed when it is read.</summary>
    /// <exception cref="NewerFormatException">A newer version has written it.</exception>
    /// <exception cref="BadInputException">It is incomplete or damaged.</exception>
    public static Checkpoint Open(string directory)
    {
        var manifest = Manifest.Read(directory);
        return CheckpointFiles.Damages(directory, manifest).FirstOrDefault() is { } damage
            ? throw new BadInputException(damage)
            : new(directory, manifest);
    }

    /// <summary>Opens a checkpoint, or the newest whole one of a run.</summary>
    /// <param name="path">A checkpoint's folder, or a run directory.</param>
    /// <param name="passedOver">Told why of each newer checkpoint that cannot be used.</param>
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
            .Select(folder => CheckpointFolder.Newest(folder, (_, damage) => damages.Add(damage))).FirstOrDefault(found => found is not null)
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
}
