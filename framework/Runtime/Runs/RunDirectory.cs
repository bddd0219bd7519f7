using System.Text.Json;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Runs;

/// <summary>Where a run keeps its records.</summary>
public sealed class RunDirectory : IDisposable
{
    /// <summary>How Linux, macOS and Windows say that another has a file.</summary>
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020)];

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
    public void Open(string job, string? schedule, long? resumedStep)
    {
        try
        {
            if (Directory.Exists(Root) && Directory.EnumerateFileSystemEntries(Root).Any())
            {
                Hold(InUse);
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
            DirectorySync.Flush(Root);
            DirectorySync.Flush(Path.GetDirectoryName(Root)!);
            Hold(InUse);
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
            if (File.Exists(Lock))
            {
                Hold($"{Root} is in use by a run; wait until that has ended.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{Root} cannot be changed: {failure.Message}", failure);
        }
    }

    private string Lock => Path.Combine(Root, "run.lock");

    private string InUse => $"job.directory: {Root} is in use by another run; choose another folder.";

    /// <summary>For as long as this process lives.</summary>
    private void Hold(string inUse)
    {
        try
        {
            held = new FileStream(Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException taken) when (Taken.Contains(taken.HResult))
        {
            throw new BadInputException(inUse, taken);
        }
    }

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
