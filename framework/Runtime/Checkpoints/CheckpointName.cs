using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>What the folders of checkpoints are called. Folders with other names, such as a copy step-00000100.best, are the user's: no run takes
/// them up, counts or removes them.</summary>
internal static partial class CheckpointName
{
    /// <summary>Behind the name of one that a run passed over because it is damaged or incomplete.</summary>
    public const string Damaged = ".damaged";

    /// <summary>Behind the name of a good one that its run no longer goes through: it went on from an earlier one.</summary>
    public const string Superseded = ".superseded";

    /// <summary>Behind the name of one that is being written, or that a run left so when it was killed.</summary>
    private const string Unfinished = ".partial";

    public static string Of(long step) => string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}");

    /// <summary>A name for one that is being written, which no other has.</summary>
    public static string NewUnfinished(long step) => $"{Of(step)}.{Guid.NewGuid().ToString("N")[..8]}{Unfinished}";

    /// <summary>Null where the name is not of a finished checkpoint in its place.</summary>
    public static long? StepOf(string path) => Parse(path) is (var step, "") ? step : null;

    /// <summary>Also of one that is unfinished or set aside; null where the name is no checkpoint's.</summary>
    public static long? NamedStepOf(string path) => Parse(path)?.Step;

    public static bool IsUnfinished(string path) => Parse(path) is (_, var suffix) && suffix.EndsWith(Unfinished, StringComparison.Ordinal);

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

    private static (long Step, string Suffix)? Parse(string path)
    {
        var match = Form.Match(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))));
        return match.Success && long.TryParse(match.Groups["step"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? (step, match.Groups["suffix"].Value)
            : null;
    }

    [GeneratedRegex(@"^step-(?<step>[0-9]+)(?<suffix>(\.[0-9a-f]+)?\.partial|(\.damaged|\.superseded)(\.[0-9]+)?)?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Form { get; }
}
