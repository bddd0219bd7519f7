using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Runs;

/// <summary>The checkpoint that a run continues from, as <c>--resume</c> names it.</summary>
/// <param name="Branches">It is another run's: this one begins in a directory of its own.</param>
/// <param name="PassedOver">Newer ones that cannot be used, by path.</param>
/// <param name="Warnings">A sentence for each of them.</param>
public sealed record ResumePoint(Checkpoint Checkpoint, bool Branches, IReadOnlyCollection<string> PassedOver, IReadOnlyList<string> Warnings)
{
    public const string Latest = "latest";

    private const string Allowed = "give latest, a step, a checkpoint's folder or a run directory.";

    /// <param name="resume"><c>latest</c>, a step, or the path of a checkpoint or a run.</param>
    /// <param name="directory">The job's.</param>
    /// <exception cref="BadInputException">There is no such checkpoint, or it is not whole.</exception>
    public static ResumePoint Find(string resume, RunDirectory directory)
    {
        if (resume == Latest)
        {
            return Newest(directory.Checkpoints, branches: false);
        }

        if (long.TryParse(resume, NumberStyles.None, CultureInfo.InvariantCulture, out var step))
        {
            return OfStep(step, null, resume, directory);
        }

        if (!Directory.Exists(resume))
        {
            throw new BadInputException(File.Exists(resume)
                ? $"--resume: {resume} is a file; {Allowed}"
                : $"--resume: there is no folder {(resume.Length == 0 ? "without a name" : resume)}; {Allowed}");
        }

        // The run that is moved aside must not be the one that a link leads to.
        var (path, root, checkpoints) = (WithoutLinks(resume), WithoutLinks(directory.Root), WithoutLinks(directory.Checkpoints));
        if (path == root || path == checkpoints)
        {
            return Newest(directory.Checkpoints, branches: false);
        }

        if (Path.GetDirectoryName(path) == checkpoints && CheckpointName.StepOf(path) is { } own)
        {
            return OfStep(own, Path.GetFileName(path), resume, directory);
        }

        if (path.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new BadInputException(
                $"--resume: {resume} is not a checkpoint in its place, and lies in job.directory, which a new run would move aside; choose another job.directory to branch off from it.");
        }

        return CheckpointFolder.IsCheckpoint(path)
            ? new(Open(path, ""), true, [], [])
            : Newest(CheckpointFolder.Of(path), branches: true);
    }

    private static ResumePoint Newest(string folder, bool branches)
    {
        var (passedOver, warnings) = (new List<string>(), new List<string>());
        var newest = CheckpointFolder.Newest(folder, (path, damage) =>
        {
            passedOver.Add(path);
            warnings.Add($"A checkpoint was passed over: {damage}");
        }) ?? throw new BadInputException(string.Join(' ', [$"--resume: there is no whole checkpoint in {folder}; name a run that has one, or start anew without --resume.", .. warnings]));
        return new(newest, branches, passedOver, warnings);
    }

    /// <param name="name">Of the folder; null for any of the step.</param>
    private static ResumePoint OfStep(long step, string? name, string resume, RunDirectory directory)
    {
        var finished = CheckpointFolder.Finished(directory.Checkpoints);
        var others = Others([.. finished.Select(entry => entry.Step).Where(other => other != step).Order()]);
        var path = finished.FirstOrDefault(entry => entry.Step == step && (name is null || Path.GetFileName(entry.Path) == name)).Path
            ?? throw new BadInputException($"--resume {resume}: there is no checkpoint of step {step} in {directory.Checkpoints}; {others}.");
        return new(Open(path, $"; {others}"), false, [], []);
    }

    private static Checkpoint Open(string path, string others)
    {
        try
        {
            return Checkpoint.Open(path);
        }
        catch (BadInputException damage)
        {
            throw new BadInputException($"--resume: {damage.Message.TrimEnd('.')}{others}.", damage);
        }
    }

    /// <summary>A path that has no link in it, neither at its end nor before; as it is where nothing is there.</summary>
    private static string WithoutLinks(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(full) || Path.GetDirectoryName(full) is not { } parent)
        {
            return full;
        }

        var here = Path.Combine(WithoutLinks(parent), Path.GetFileName(full));
        return new DirectoryInfo(here).ResolveLinkTarget(returnFinalTarget: false) is { } target ? WithoutLinks(target.FullName) : here;
    }

    private static string Others(IReadOnlyList<long> steps) => steps switch
    {
        [] => "there is no other",
        [var one] => $"there is one of step {one}",
        _ => $"there are those of the steps {string.Join(", ", steps.SkipLast(1))} and {steps[^1]}",
    };
}
