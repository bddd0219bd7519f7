using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Runtime.Runs;

/// <summary>Where a run keeps its records.</summary>
public sealed class RunDirectory
{
    private const string JobFileName = "job.hocon";

    internal static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <param name="path">As in the job file, relative to the working directory.</param>
    public RunDirectory(string path) => Root = Path.GetFullPath(path);

    public string Root { get; }

    public string Checkpoints => Path.Combine(Root, "checkpoints");

    public string Metrics => Path.Combine(Root, "metrics.jsonl");

    public string Events => Path.Combine(Root, "events.jsonl");

    public string Summary => Path.Combine(Root, "summary.json");

    public string Trace => Path.Combine(Root, "trace.json");

    public string Job => Path.Combine(Root, JobFileName);

    /// <summary>Refuses a path that is something else than a run, before anything is started.</summary>
    /// <exception cref="BadInputException">A file, or a folder with other things in it.</exception>
    public void Check()
    {
        if (File.Exists(Root))
        {
            throw new BadInputException($"job.directory: {Root} is a file; a folder is needed.");
        }

        if (Directory.Exists(Root) && !File.Exists(Job) && Directory.EnumerateFileSystemEntries(Root).Any())
        {
            throw new BadInputException($"job.directory: {Root} is not a run directory (it has no {JobFileName}); choose an empty or a new folder.");
        }
    }

    /// <summary>Starts the records: an existing run is moved aside, or, on <paramref name="resumedStep"/>, taken up with the metrics
    /// of later steps cut.</summary>
    /// <param name="job">The job file as resolved.</param>
    public void Open(string job, long? resumedStep)
    {
        try
        {
            if (resumedStep is { } step)
            {
                CutMetrics(step);
            }
            else if (Directory.Exists(Root))
            {
                MoveAside();
            }

            Directory.CreateDirectory(Checkpoints);
            File.WriteAllText(Job, job);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"job.directory: {failure.Message}", failure);
        }
    }

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

    private void CutMetrics(long lastStep)
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
