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
    private long last = long.MaxValue;   // the step that was completed last

    /// <summary>An empty folder for the shards of a new checkpoint. It has a name of its own: who comes late from an earlier attempt writes elsewhere.
    /// What dead runs have left unfinished is removed, where it can be.</summary>
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
                    TryRemove(left);
                }

                var partial = Path.Combine(directory, CheckpointName.NewUnfinished(step));
                Directory.CreateDirectory(partial);
                return begun[step] = partial;
            }
            catch (Exception failure) when (IsOfDisk(failure))
            {
                throw Failed(step, failure);
            }
        }
    }

    /// <summary>Makes the checkpoint begun for this step visible. One with the same shards that is there already stays, and is the new one.</summary>
    /// <param name="before">The checkpoint whose tokenizer's files the manifest names; null where they lie in the new one already, or there are none.</param>
    /// <returns>The checkpoint's folder.</returns>
    /// <exception cref="IOException">It could not be finished, and is removed; one sentence says why. All others are as they were.</exception>
    public string Complete(Manifest manifest, string? before = null)
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
                Put(manifest, path);
            }
            catch (Exception failure) when (IsOfDisk(failure))
            {
                Abandon(manifest.Step);
                throw Failed(manifest.Step, failure);
            }

            last = manifest.Step;
            return path;
        }
    }

    /// <summary>Removes the oldest whole checkpoints beyond those to keep. Those of later steps than the last that was completed do not count: the run
    /// has gone back before them.</summary>
    /// <returns>A sentence for each that cannot be removed.</returns>
    public IReadOnlyList<string> Tidy()
    {
        lock (gate)
        {
            var problems = new List<string>();
            try
            {
                var whole = CheckpointFolder.Finished(directory).Where(entry => entry.Step <= last && CheckpointEntry.Look(entry.Path).State == CheckpointState.Whole);
                foreach (var (step, old) in whole.Skip(keep).ToArray())
                {
                    try
                    {
                        Remove(old);
                    }
                    catch (Exception failure) when (IsOfDisk(failure))
                    {
                        problems.Add($"The checkpoint of step {step} is older than those to keep, but cannot be removed: {failure.Message}");
                    }
                }
            }
            catch (BadInputException unreadable)
            {
                problems.Add(unreadable.Message);
            }

            return problems;
        }
    }

    /// <summary>Gives up the checkpoint begun for this step, where there is one, and removes what is there of it. Does not fail: what cannot be
    /// removed now is when the next one begins.</summary>
    public void Abandon(long step)
    {
        lock (gate)
        {
            if (begun.Remove(step, out var folder))
            {
                TryRemove(folder);
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

    /// <summary>No checkpoint that was begun in a folder comes about, whoever writes at it: it loses its name first.</summary>
    public static void AbandonAll(string directory)
    {
        foreach (var partial in CheckpointFolder.Folders(directory).Where(CheckpointName.IsUnfinished))
        {
            var renamed = Path.Combine(directory, CheckpointName.NewUnfinished(CheckpointName.NamedStepOf(partial)!.Value));
            try
            {
                Directory.Move(partial, renamed);
            }
            catch (Exception failure) when (IsOfDisk(failure))
            {
                continue;   // it has just become whole, or is not ours to touch
            }

            TryRemove(renamed);   // what is left of it goes when the next one begins
        }
    }

    /// <summary>Renames the checkpoints of later steps, so that they are neither taken up nor counted: the run goes on from an earlier one.</summary>
    /// <param name="damaged">The paths of those that are known to be so, though sizes and manifests do not show it.</param>
    /// <returns>A sentence for each.</returns>
    /// <exception cref="IOException">One cannot be renamed.</exception>
    public static IReadOnlyList<string> SetAsideAfter(string directory, long step, IReadOnlyCollection<string> damaged)
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

    /// <summary>Puts a finished one in its place. Another that had the place keeps its files, under another name, until the new one is there and that is on the
    /// disk. A crash between the two renames leaves the place empty.</summary>
    private void Put(Manifest manifest, string path)
    {
        var was = Directory.Exists(path) ? Whole(path) : null;
        if (was is not null && was.Manifest.Shards.Select(Content).SequenceEqual(manifest.Shards.Select(Content)))
        {
            Abandon(manifest.Step);   // the run has come to this step again, and it is the same
            return;
        }

        var aside = Directory.Exists(path) ? CheckpointName.SetAside(path, was is null ? CheckpointName.Damaged : CheckpointName.Superseded) : null;
        try
        {
            Directory.Move(begun[manifest.Step], path);
            begun[manifest.Step] = path;   // to be given up while this is not on the disk
            DirectorySync.Flush(directory);
        }
        catch when (aside is not null)
        {
            Abandon(manifest.Step);
            Directory.Move(aside, path);
            throw;
        }

        begun.Remove(manifest.Step);
        if (was is not null)
        {
            TryRemove(aside!);
        }
    }

    private static Checkpoint? Whole(string path)
    {
        try
        {
            return Checkpoint.Open(path);
        }
        catch (BadInputException)
        {
            return null;
        }
    }

    private static (string File, long Bytes, string Sha256) Content(Shard shard) => (shard.File, shard.Bytes, shard.Sha256);

    /// <summary>The manifest first: one that is removed in part is no checkpoint. Of a link, what it leads to stays.</summary>
    internal static void Remove(string checkpoint)
    {
        if (new DirectoryInfo(checkpoint).LinkTarget is null)
        {
            File.Delete(Path.Combine(checkpoint, Manifest.FileName));
        }

        Directory.Delete(checkpoint, recursive: true);
    }

    private static void TryRemove(string checkpoint)
    {
        try
        {
            Remove(checkpoint);
        }
        catch (Exception failure) when (IsOfDisk(failure))
        {
            // The disk may be what it is removed for, or it is gone already.
        }
    }

    private static bool IsOfDisk(Exception failure) => failure is IOException or UnauthorizedAccessException or BadInputException;

    private static IOException Failed(long step, Exception failure) => new($"The checkpoint of step {step} cannot be written: {failure.Message}", failure);
}
