using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A folder of checkpoints, looked at.</summary>
public static class CheckpointFolder
{
    /// <summary>Those of a run directory, or the folder itself where it is one of checkpoints.</summary>
    /// <exception cref="BadInputException">There is no such folder.</exception>
    public static string Of(string path)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(root))
        {
            throw new BadInputException($"{path}: there is no such folder; name a run directory or a folder of checkpoints.");
        }

        return Path.Combine(root, "checkpoints") is var below && Directory.Exists(below) ? below : root;
    }

    /// <summary>Is a folder one checkpoint, whole or not? A run directory may be called like one.</summary>
    public static bool IsCheckpoint(string path) => File.Exists(Path.Combine(path, Manifest.FileName))
        || (CheckpointName.NamedStepOf(path) is not null && !Directory.Exists(Path.Combine(path, "checkpoints")));

    /// <summary>All that lies in the folder under a checkpoint's name, newest first, as far as sizes and manifests tell.</summary>
    /// <exception cref="BadInputException">The folder cannot be read.</exception>
    public static IReadOnlyList<CheckpointEntry> Entries(string folder) =>
        [.. Folders(folder).Select(CheckpointEntry.Look).OrderByDescending(entry => entry.Step).ThenBy(entry => entry.Name, StringComparer.Ordinal)];

    /// <summary>Finished checkpoints in their places, newest first, whole or not; none where there is no folder.</summary>
    /// <exception cref="BadInputException">The folder cannot be read.</exception>
    public static IReadOnlyList<(long Step, string Path)> Finished(string folder) =>
    [
        .. Folders(folder).Select(path => (Step: CheckpointName.StepOf(path), Path: path)).Where(found => found.Step is not null)
            .OrderByDescending(found => found.Step).ThenBy(found => found.Path, StringComparer.Ordinal).Select(found => (found.Step!.Value, found.Path)),
    ];

    /// <summary>The newest whole checkpoint, all of whose files have been read; null when there is none.</summary>
    /// <param name="refused">Told the path of each that had to be passed over, and a sentence that says why.</param>
    /// <exception cref="BadInputException">The folder cannot be read.</exception>
    public static Checkpoint? Newest(string folder, Action<string, string> refused)
    {
        foreach (var (_, path) in Finished(folder))
        {
            try
            {
                return Checkpoint.Open(path);
            }
            catch (BadInputException damage)
            {
                refused(path, damage.Message);
            }
        }

        return null;
    }

    /// <summary>By name alone, finished or not.</summary>
    internal static string[] Folders(string folder)
    {
        try
        {
            return Directory.Exists(folder) ? [.. Directory.EnumerateDirectories(folder).Where(path => CheckpointName.NamedStepOf(path) is not null)] : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{folder} cannot be read: {failure.Message}", failure);
        }
    }
}
