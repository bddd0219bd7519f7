using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A checkpoint as its manifest and the sizes of its files show it; no other file was read.</summary>
/// <param name="Step">By its manifest, or else its name; null where neither tells.</param>
/// <param name="Reason">Why it is not whole, as a sentence; null where it is.</param>
/// <param name="Written">When its manifest was, or else the folder.</param>
/// <param name="Bytes">Of all files in it.</param>
/// <param name="Tensors">That the manifest names; a tensor in pieces is one.</param>
/// <param name="Parameters">Of these, those of the model itself; the others are the state of optimizer, averages and sequences.</param>
/// <param name="Shards">Their files, which tell the layout.</param>
public sealed record CheckpointEntry(
    string Path,
    long? Step,
    CheckpointState State,
    string? Reason,
    DateTimeOffset Written,
    long Bytes,
    int Tensors,
    int Parameters,
    IReadOnlyList<string> Shards)
{
    private static readonly string[] StatePrefixes = [Checkpoint.OptimizerPrefix, Checkpoint.CarryPrefix, Checkpoint.AveragePrefix];

    /// <summary>The folder's.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <param name="path">Of a folder.</param>
    public static CheckpointEntry Look(string path)
    {
        var (manifest, state, reason) = Judge(path);
        string[] names = [.. (manifest?.Shards ?? []).SelectMany(shard => shard.Tensors).Select(name => TensorIndex.PartOf(name, "").Tensor).Distinct(StringComparer.Ordinal)];
        return new(
            path,
            manifest?.Step ?? CheckpointName.NamedStepOf(path),
            state,
            reason,
            WrittenAt(path),
            SizeOf(path),
            names.Length,
            names.Count(name => !StatePrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))),
            [.. (manifest?.Shards ?? []).Select(shard => shard.File)]);
    }

    /// <summary>With every file read, wherever it lies: whole only if all are as they were written.</summary>
    /// <param name="damages">A sentence for each file that is not.</param>
    public CheckpointEntry Verify(out IReadOnlyList<string> damages)
    {
        try
        {
            damages = [.. CheckpointFiles.Damages(Path, Manifest.Read(Path))];
        }
        catch (BadInputException unreadable)
        {
            damages = [unreadable.Message];
        }

        return damages is not [var first, ..] ? this with { State = CheckpointState.Whole, Reason = null }
            : State is CheckpointState.Whole or CheckpointState.Superseded ? this with { State = CheckpointState.Damaged, Reason = first }
            : this;
    }

    private static (Manifest? Manifest, CheckpointState State, string? Reason) Judge(string path)
    {
        if (CheckpointName.IsUnfinished(path))
        {
            return (null, CheckpointState.Partial, "It was never finished: a run is writing it, or was killed while it did.");
        }

        var finished = CheckpointName.StepOf(path) is not null;
        try
        {
            if (!File.Exists(System.IO.Path.Combine(path, Manifest.FileName)))
            {
                return (null, CheckpointState.Incomplete, $"It has no {Manifest.FileName}, which is written last.");
            }

            var manifest = Manifest.Read(path);
            return CheckpointFiles.Missing(path, manifest) switch
            {
                { } wrong => (manifest, File.Exists(wrong.Path) ? CheckpointState.Damaged : CheckpointState.Incomplete, wrong.Sentence),
                null when !finished && IsAside(path, CheckpointName.Superseded) =>
                    (manifest, CheckpointState.Superseded, "Its run went on from an earlier step, or wrote this one again."),
                null when !finished && IsAside(path, CheckpointName.Damaged) => (manifest, CheckpointState.Damaged, "A run passed it over as damaged."),
                null => (manifest, CheckpointState.Whole, null),
            };
        }
        catch (NewerFormatException newer)
        {
            return (null, CheckpointState.Newer, newer.Message);
        }
        catch (BadInputException damage)
        {
            return (null, CheckpointState.Damaged, damage.Message);
        }
    }

    private static bool IsAside(string path, string suffix) => System.IO.Path.GetFileName(path).Contains(suffix, StringComparison.Ordinal);

    private static DateTimeOffset WrittenAt(string path) => System.IO.Path.Combine(path, Manifest.FileName) is var manifest && File.Exists(manifest)
        ? File.GetLastWriteTimeUtc(manifest)
        : Directory.GetLastWriteTimeUtc(path);

    private static long SizeOf(string path)
    {
        try
        {
            return new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return 0;   // a run is removing it, or it is another's
        }
    }
}
