using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>Which checkpoints of a folder can go. The newest whole one never does; and because the older ones are what is left when the newer are
/// damaged, those to keep are read and compared with their hashes before any older one goes.</summary>
/// <param name="Removed">Those that go, newest first.</param>
/// <param name="Kept">Newest first.</param>
/// <param name="Note">What else there is to say, in a sentence.</param>
public sealed record CheckpointPruning(IReadOnlyList<CheckpointEntry> Removed, IReadOnlyList<CheckpointEntry> Kept, string? Note)
{
    /// <summary>That the removed ones take.</summary>
    public long Bytes => Removed.Sum(entry => entry.Bytes);

    /// <param name="keep">So many whole ones stay, the newest.</param>
    /// <exception cref="BadInputException">The folder cannot be read.</exception>
    public static CheckpointPruning Of(string folder, int keep)
    {
        var (removed, kept, whole) = (new List<CheckpointEntry>(), new List<CheckpointEntry>(), 0);
        foreach (var entry in CheckpointFolder.Entries(folder))
        {
            var judged = entry.State == CheckpointState.Whole && whole < keep ? entry.Verify(out _) : entry;
            var stays = judged.State == CheckpointState.Newer || (judged.State == CheckpointState.Whole && whole++ < keep);
            (stays ? kept : removed).Add(judged);
        }

        if (whole > 0)
        {
            return new(removed, kept, null);
        }

        // A damaged one may be all that is left to somebody.
        return new(
            [.. removed.Where(entry => entry.State == CheckpointState.Partial)],
            [.. kept, .. removed.Where(entry => entry.State != CheckpointState.Partial)],
            removed.Any(entry => entry.State != CheckpointState.Partial) ? "There is no whole checkpoint, so those that are not whole are kept too." : null);
    }

    /// <summary>Removes them.</summary>
    /// <exception cref="BadInputException">One cannot be removed.</exception>
    public void Run()
    {
        foreach (var entry in Removed)
        {
            try
            {
                CheckpointStore.Remove(entry.Path);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw new BadInputException($"{entry.Path} cannot be removed: {failure.Message}", failure);
            }
        }
    }
}
