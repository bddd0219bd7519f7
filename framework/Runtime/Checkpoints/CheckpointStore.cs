using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>The checkpoints of a run: a folder each, named by step. One is written under another name, flushed, and renamed when whole,
/// so that a half-written one is never taken for a checkpoint.</summary>
public sealed class CheckpointStore(string directory, int keep)
{
    private const string Prefix = "step-";
    private const string Unfinished = ".partial";

    /// <summary>An empty folder for the shards of a new checkpoint.</summary>
    public string Begin(long step)
    {
        var partial = PathOf(step) + Unfinished;
        if (System.IO.Directory.Exists(partial))
        {
            System.IO.Directory.Delete(partial, recursive: true);
        }

        System.IO.Directory.CreateDirectory(partial);
        return partial;
    }

    /// <summary>Makes the checkpoint begun for this step visible, and removes the oldest beyond those to keep.</summary>
    /// <param name="before">The checkpoint whose tokenizer's files the manifest names; null where they lie in the new one already, or there are none.</param>
    /// <returns>The checkpoint's folder.</returns>
    public string Complete(Manifest manifest, string? before = null)
    {
        var path = PathOf(manifest.Step);
        var partial = path + Unfinished;
        if (before is not null)
        {
            TokenizerFiles.Carry(manifest.TokenizerFiles ?? [], before, partial);
        }

        manifest.Write(partial);
        DirectorySync.Flush(partial);
        if (System.IO.Directory.Exists(path))
        {
            System.IO.Directory.Delete(path, recursive: true);   // damaged, or the run would have resumed behind it
        }

        System.IO.Directory.Move(partial, path);
        DirectorySync.Flush(directory);
        foreach (var later in Paths().Where(other => StepOf(other) > manifest.Step))
        {
            SetAside(later);   // the run resumed behind it because it is damaged: it must not count among those to keep
        }

        foreach (var old in Paths().Skip(keep))
        {
            System.IO.Directory.Delete(old, recursive: true);
        }

        return path;
    }

    /// <summary>The checkpoint begun for this step does not come about.</summary>
    public void Abandon(long step)
    {
        var partial = PathOf(step) + Unfinished;
        if (System.IO.Directory.Exists(partial))
        {
            System.IO.Directory.Delete(partial, recursive: true);
        }
    }

    /// <summary>No checkpoint that was begun comes about, whoever writes at it: its folder loses its name first.</summary>
    public void AbandonAll()
    {
        foreach (var partial in System.IO.Directory.Exists(directory) ? System.IO.Directory.GetDirectories(directory, Prefix + "*" + Unfinished) : [])
        {
            var stale = Path.Combine(directory, $".stale-{Guid.NewGuid():N}");
            System.IO.Directory.Move(partial, stale);
            try
            {
                System.IO.Directory.Delete(stale, recursive: true);
            }
            catch (IOException)
            {
                // Somebody has put another file there meanwhile.
            }
        }
    }

    /// <summary>The newest finished checkpoint by its name, whose content is not looked at; null where there is none.</summary>
    public (string Path, long Step)? NewestName => Paths().Select(path => ((string, long)?)(path, StepOf(path)!.Value)).FirstOrDefault();

    /// <summary>The newest whole checkpoint; each that had to be passed over is told to <paramref name="refused"/>. Null when there is none.</summary>
    public Checkpoint? Newest(Action<string> refused)
    {
        foreach (var path in Paths())
        {
            try
            {
                return Checkpoint.Open(path);
            }
            catch (BadInputException damage)
            {
                refused(damage.Message);
            }
        }

        return null;
    }

    /// <summary>Finished checkpoints, newest first.</summary>
    private IReadOnlyList<string> Paths() => System.IO.Directory.Exists(directory)
        ? [.. System.IO.Directory.EnumerateDirectories(directory, Prefix + "*")
            .Select(path => (Path: path, Step: StepOf(path)))
            .Where(entry => entry.Step is not null)
            .OrderByDescending(entry => entry.Step)
            .Select(entry => entry.Path)]
        : [];

    private static void SetAside(string path)
    {
        var aside = path + ".damaged";
        if (System.IO.Directory.Exists(aside))
        {
            System.IO.Directory.Delete(aside, recursive: true);
        }

        System.IO.Directory.Move(path, aside);
    }

    private string PathOf(long step) => Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D8}"));

    private static long? StepOf(string path) =>
        long.TryParse(Path.GetFileName(path).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : null;
}
