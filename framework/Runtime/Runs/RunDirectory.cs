using System.Text.Json;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Runs;

/// <summary>Where a run keeps its records.</summary>
public sealed class RunDirectory : IDisposable
{
    private RunLock? held;

    internal static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <param name="path">As in the job file, relative to the working directory.</param>
    public RunDirectory(string path) => Root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    public string Root { get; }

    public string Checkpoints => Path.Combine(Root, "checkpoints");

    public string Metrics => Path.Combine(Root, "metrics.jsonl");

    public string Events => Path.Combine(Root, "events.jsonl");

    public string Summary => Path.Combine(Root, "summary.json");

    public string Trace => Path.Combine(Root, "trace.json");

    public string Job => Path.Combine(Root, "job.hocon");

    public string Schedule => Path.Combine(Root, "schedule.csv");

    /// <summary>Refuses a path that is something else than a run, before anything is started.</summary>
    /// <param name="job">The job file: a run is moved aside as a whole, so nothing of the user's may lie in it.</param>
    /// <exception cref="BadInputException">A file, or a folder with other things in it.</exception>
    public void Check(string job)
    {
        if (Holds(Environment.CurrentDirectory) || Holds(Path.GetFullPath(job)))
        {
            throw new BadInputException($"job.directory: {Root} holds the working directory or the job file; choose a folder of its own.");
        }

        if (File.Exists(Root))
        {
            throw new BadInputException($"job.directory: {Root} is a file; a folder is needed.");
        }

        if (Directory.Exists(Root) && !File.Exists(Events) && HasEntries())
        {
            throw new BadInputException($"job.directory: {Root} is not a run directory (it has no events.jsonl); choose an empty or a new folder.");
        }
    }

    /// <summary>Starts the records: an existing run is moved aside, or, on <paramref name="resumedStep"/>, taken up with the metrics
    /// of later steps cut.</summary>
    /// <exception cref="BadInputException">Another run has it, or it cannot be written.</exception>
    /// <param name="job">The job file as resolved.</param>
    /// <param name="schedule">The schedule's rows; null where nothing is run yet.</param>
    /// <param name="run">The run's secret; none in a run of one process.</param>
    /// <param name="epoch">That the run goes on from.</param>
    public void Open(string job, string? schedule, long? resumedStep, Guid run = default, long epoch = 0)
    {
        try
        {
            if (Directory.Exists(Root) && Directory.EnumerateFileSystemEntries(Root).Any())
            {
                RunLock.Take(Root, InUse).Dispose();
            }

            if (resumedStep is { } step)
            {
                CutMetrics(step);
            }
            else if (Directory.Exists(Root))
            {
                MoveAside();
            }

            Directory.CreateDirectory(Checkpoints);
            DirectorySync.Flush(Root);
            DirectorySync.Flush(Path.GetDirectoryName(Root)!);
            held = RunLock.Take(Root, InUse);
            held.Own(run, epoch);
            File.WriteAllText(Job, job);
            if (schedule is not null)
            {
                File.WriteAllText(Schedule, schedule);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"job.directory: {failure.Message}", failure);
        }
    }

    /// <summary>Lets another run have the directory.</summary>
    public void Dispose() => held?.Dispose();

    /// <summary>Keeps runs out while something in the directory is changed by hand; does nothing where no run has ever used it.</summary>
    /// <exception cref="BadInputException">A run is using it, or it may not be written to.</exception>
    public void KeepRunsOut()
    {
        try
        {
            if (RunLock.Exists(Root))
            {
                held = RunLock.Take(Root, $"{Root} is in use by a run; wait until that has ended.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{Root} cannot be changed: {failure.Message}", failure);
        }
    }

    /// <summary>For the same run under another coordinator. All records become new files, and checkpoints that are not whole go: whoever wrote them, and may only
    /// stand still, has them open under no name any more.</summary>
    /// <exception cref="RunTakenOverException">The directory is another run's by now, or the epoch is not newer.</exception>
    internal void TakeOver(Guid run, long epoch)
    {
        held = RunLock.TakeOver(Root, run, epoch);
        CutMetrics(long.MaxValue - 1);
        if (File.Exists(Events))
        {
            var whole = File.ReadAllText(Events);
            File.WriteAllText(Events + ".partial", whole[..(whole.LastIndexOf('\n') + 1)]);
            File.Move(Events + ".partial", Events, overwrite: true);
        }

        CheckpointStore.AbandonAll(Checkpoints);
    }

    /// <summary>Before anything in the directory is replaced or named anew.</summary>
    /// <exception cref="RunTakenOverException">Another coordinator has taken the run over.</exception>
    internal void CheckOwner() => held?.Check();

    private string InUse => $"job.directory: {Root} is in use by another run; choose another folder.";

    private bool HasEntries()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(Root).Any();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"job.directory: {failure.Message}", failure);
        }
    }

    private bool Holds(string path) => path == Root || path.StartsWith(Root + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private void MoveAside()
    {
        if (Directory.EnumerateFileSystemEntries(Root).Any())
        {
            var number = 1;
            while (Path.Exists($"{Root}.{number}"))
            {
                number++;
            }

            Directory.Move(Root, $"{Root}.{number}");
        }
    }

    /// <summary>Leaves the metrics of no later step.</summary>
    public void CutMetrics(long lastStep)
    {
        if (File.Exists(Metrics))
        {
            var kept = File.ReadLines(Metrics).TakeWhile(line => StepOf(line) <= lastStep);
            var rewritten = Metrics + ".partial";
            File.WriteAllLines(rewritten, kept);
            File.Move(rewritten, Metrics, overwrite: true);
        }
    }

    /// <summary>The step of a line; a line cut short by a crash belongs to no step.</summary>
    private static long StepOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException)
        {
            return long.MaxValue;
        }
    }
}
