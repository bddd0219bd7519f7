using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>Writes the checkpoints of a run: a folder each, named by step. One is written under another name, flushed, and renamed when whole,
/// so that a half-written one is never taken for a checkpoint. Whatever fails, those that were there stay. For several threads, but for one
/// checkpoint at a time.</summary>
/// <param name="keep">So many whole ones are kept, the newest.</param>
public sealed class CheckpointStore(string directory, int keep)
{
    private readonly Lock gate = new();
    private readonly Dictionary<long, string> begun = [];   // the folders by step

    /// <summary>An empty folder for the shards of a new checkpoint. It has a name of its own: who comes late from an earlier attempt writes elsewhere.
    /// What dead runs have left unfinished is removed.</summary>
    /// <exception cref="IOException">It cannot be made; one sentence says why.</exception>
    public string Begin(long step)
    {
        lock (gate)
        {
            Abandon(step);
            try
            {
                foreach (var left in CheckpointFolder.Folders(directory).Where(CheckpointName.IsUnfinished).Except(begun.Values))
                {
                    Directory.Delete(left, recursive: true);
                }

                var partial = Path.Combine(directory, $"{CheckpointName.Of(step)}.{Guid.NewGuid().ToString("N")[..8]}{CheckpointName.Unfinished}");
                Directory.CreateDirectory(partial);
                return begun[step] = partial;
            }
            catch (Exception failure) when (IsOfDisk(failure))
            {
                throw Failed(step, failure);
            }
        }
    }

    /// <summary>Makes the checkpoint begun for this step visible, and removes the oldest beyond those to keep.</summary>
    /// <param name="before">The checkpoint whose tokenizer's files the manifest names; null where they lie in the new one already, or there are none.</param>
    /// <param name="warn">Told, in a sentence each, what could not be tidied up; the checkpoint is whole all the same.</param>
    /// <returns>The checkpoint's folder.</returns>
    /// <exception cref="IOException">It could not be finished, and is removed; one sentence says why. All others are as they were.</exception>
    public string Complete(Manifest manifest, string? before = null, Action<string>? warn = null)
    {
        lock (gate)
        {
            var path = Path.Combine(directory, CheckpointName.Of(manifest.Step));
            try
            {
                var partial = begun.GetValueOrDefault(manifest.Step) ?? throw new IOException("it was not begun, or was given up");
                if (before is not null)
                {
                    TokenizerFiles.Carry(manifest.TokenizerFiles ?? [], before, partial);
                }

                if (CheckpointFiles.Missing(partial, manifest) is { } missing)
                {
                    throw new IOException(missing.Sentence);
                }

                manifest.Write(partial);
                DirectorySync.Flush(partial);
                Replace(path, partial);
                begun.Remove(manifest.Step);
                DirectorySync.Flush(directory);
            }
            catch (Exception failure) when (IsOfDisk(failure))
            {
                Abandon(manifest.Step);
                throw Failed(manifest.Step, failure);
            }

            Tidy(manifest.Step, warn ?? (_ => { }));
            return path;
        }
    }

    /// <summary>Gives up the checkpoint begun for this step, where there is one, and removes what is there of it. Does not fail: what cannot be
    /// removed now is when the next one begins.</summary>
    public void Abandon(long step)
    {
        lock (gate)
        {
            if (begun.Remove(step, out var partial) && Directory.Exists(partial))
            {
                try
                {
                    Directory.Delete(partial, recursive: true);
                }
                catch (Exception failure) when (IsOfDisk(failure))
                {
                    // The disk may be what the checkpoint is given up for.
                }
            }
        }
    }

    /// <summary>A finished checkpoint is none any more, where it is there still.</summary>
    public void Withdraw(long step)
    {
        lock (gate)
        {
            if (Path.Combine(directory, CheckpointName.Of(step)) is var path && Directory.Exists(path))
            {
                Remove(path);
            }
        }
    }

    /// <summary>No checkpoint that was begun comes about, whoever writes at it: its folder loses its name first.</summary>
    public void AbandonAll()
    {
        foreach (var partial in Directory.Exists(directory) ? Directory.GetDirectories(directory).Where(CheckpointName.IsUnfinished) : [])
        {
            var stale = Path.Combine(directory, $".stale-{Guid.NewGuid():N}");
            Directory.Move(partial, stale);
            try
            {
                Directory.Delete(stale, recursive: true);
            }
            catch (IOException)
            {
                // Somebody has put another file there meanwhile.
            }
        }
    }

    /// <summary>Renames the checkpoints of later steps, so that they are neither taken up nor counted: the run goes on from an earlier one.</summary>
    /// <param name="damaged">The paths of those that are known to be so, though sizes and manifests do not show it.</param>
    /// <returns>A sentence for each.</returns>
    /// <exception cref="IOException">One cannot be renamed.</exception>
    public IReadOnlyList<string> SetAsideAfter(long step, IReadOnlyCollection<string> damaged)
    {
        var sentences = new List<string>();
        foreach (var (later, path) in CheckpointFolder.Finished(directory).Where(entry => entry.Step > step))
        {
            var isDamaged = CheckpointEntry.Look(path).State switch
            {
                CheckpointState.Whole => damaged.Contains(path),
                CheckpointState.Newer => false,
                _ => true,
            };
            var aside = CheckpointName.SetAside(path, isDamaged ? CheckpointName.Damaged : CheckpointName.Superseded);
            sentences.Add($"The checkpoint of step {later} is now {Path.GetFileName(aside)}: the run goes on from step {step}.");
        }

        return sentences;
    }

    /// <summary>Puts a finished one in its place. What had the place keeps it until the other is there, under another name.</summary>
    private static void Replace(string path, string partial)
    {
        var wasWhole = Directory.Exists(path) && CheckpointEntry.Look(path).State == CheckpointState.Whole;
        var aside = Directory.Exists(path) ? CheckpointName.SetAside(path, wasWhole ? CheckpointName.Superseded : CheckpointName.Damaged) : null;
        try
        {
            Directory.Move(partial, path);
        }
        catch when (aside is not null)
        {
            Directory.Move(aside, path);
            throw;
        }

        if (wasWhole)
        {
            Remove(aside!);   // the run has come to this step again, and it is the same
        }
    }

    private void Tidy(long step, Action<string> warn)
    {
        try
        {
            SetAsideAfter(step, []);
            var whole = CheckpointFolder.Finished(directory).Where(entry => CheckpointEntry.Look(entry.Path).State == CheckpointState.Whole);
            foreach (var (_, old) in whole.Skip(keep))
            {
                Remove(old);
            }
        }
        catch (Exception failure) when (IsOfDisk(failure))
        {
            warn($"The checkpoint of step {step} is whole, but older ones in {directory} cannot be removed: {failure.Message}");
        }
    }

    /// <summary>The manifest first: one that is removed in part is no checkpoint.</summary>
    internal static void Remove(string checkpoint)
    {
        File.Delete(Path.Combine(checkpoint, Manifest.FileName));
        Directory.Delete(checkpoint, recursive: true);
    }

    private static bool IsOfDisk(Exception failure) => failure is IOException or UnauthorizedAccessException or BadInputException;

    private static IOException Failed(long step, Exception failure) => new($"The checkpoint of step {step} cannot be written: {failure.Message}", failure);
}
