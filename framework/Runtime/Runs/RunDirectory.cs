using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Runtime.Runs;

/// <summary>Where a run keeps its records.</summary>
public sealed class RunDirectory : IDisposable
{
    private FileStream? held;

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

        if (Directory.Exists(Root) && !File.Exists(Events) && Directory.EnumerateFileSystemEntries(Root).Any())
        {
            throw new BadInputException($"job.directory: {Root} is not a run directory (it has no events.jsonl); choose an empty or a new folder.");
        }
    }

    /// <summary>Starts the records: an existing run is moved aside, or, on <paramref name="resumedStep"/>, taken up with the metrics
    /// of later steps cut.</summary>
    /// <param name="job">The job file as resolved.</param>
    /// <param name="schedule">The schedule's rows; null where nothing is run yet.</param>
    public void Open(string job, string? schedule, long? resumedStep)
    {
        try
        {
            if (Directory.Exists(Root) && Directory.EnumerateFileSystemEntries(Root).Any())
            {
                Hold();
                Dispose();
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
            Hold();
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

    /// <summary>Keeps other runs out for as long as this process lives.</summary>
    private void Hold()
    {
        try
        {
            held = new FileStream(Path.Combine(Root, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException taken) when (taken is not DirectoryNotFoundException)
        {
            throw new BadInputException($"job.directory: {Root} is in use by another run; choose another folder.", taken);
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
