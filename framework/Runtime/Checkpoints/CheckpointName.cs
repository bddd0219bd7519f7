using System.Globalization;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>What the folders of checkpoints are called.</summary>
internal static class CheckpointName
{
    /// <summary>Behind the name of one that is being written, or that a run left so when it was killed.</summary>
    public const string Unfinished = ".partial";

    /// <summary>Behind the name of one that a run passed over because it is damaged or incomplete.</summary>
    public const string Damaged = ".damaged";

    /// <summary>Behind the name of a good one that its run no longer goes through: it went on from an earlier one.</summary>
    public const string Superseded = ".superseded";

    public const string Prefix = "step-";

    public static string Of(long step) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D8}");

    /// <summary>Null where the name is not of a finished checkpoint in its place.</summary>
    public static long? StepOf(string path) => Path.GetFileName(path).Contains('.', StringComparison.Ordinal) ? null : NamedStepOf(path);

    /// <summary>Also of one that is unfinished or set aside; null where the name is no checkpoint's.</summary>
    public static long? NamedStepOf(string path) =>
        Path.GetFileName(path).Split('.')[0] is var name
        && name.StartsWith(Prefix, StringComparison.Ordinal)
        && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : null;

    public static bool IsUnfinished(string path) => path.EndsWith(Unfinished, StringComparison.Ordinal);

    /// <summary>Renames a finished one, so that no run takes it up.</summary>
    /// <param name="suffix">Which says why.</param>
    /// <returns>Its new path: with .1, .2, ... behind where others have the name.</returns>
    public static string SetAside(string path, string suffix)
    {
        var (aside, number) = (path + suffix, 0);
        while (Path.Exists(aside))
        {
            aside = string.Create(CultureInfo.InvariantCulture, $"{path}{suffix}.{++number}");
        }

        Directory.Move(path, aside);
        return aside;
    }
}
