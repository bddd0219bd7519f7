using System.Globalization;
using System.Text;
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

        if (Directory.Exists(Root) && !File.Exists(Events) && !RunLock.Exists(Root) && HasEntries())
        {
            throw new BadInputException($"job.directory: {Root} is not a run directory (it has no events.jsonl); choose an empty or a new folder.");
        }
    }

    /// <summary>Starts the records of a new run; one that is there is moved aside.</summary>
    /// <param name="job">The job file as resolved.</param>
    /// <param name="schedule">The schedule's rows; null where nothing is run yet.</param>
    /// <param name="run">The run's secret; none in a run of one process.</param>
    /// <exception cref="BadInputException">Another run has it, or it cannot be written.</exception>
    public void Begin(string job, string? schedule, Guid run = default) => Take(job, schedule, run, 0, MoveAside);

    /// <summary>Takes up the records of the run that is there, behind a step: the metrics of later ones are cut, and checkpoints that the run does not go through any more
    /// are set aside first.</summary>
    /// <param name="job">The job file as resolved.</param>
    /// <param name="schedule">The schedule's rows.</param>
    /// <param name="damaged">Checkpoints that are known to be so, by path.</param>
    /// <param name="run">The run's secret; none in a run of one process.</param>
    /// <param name="epoch">That the run goes on from.</param>
    /// <returns>A sentence for each thing that the user should know.</returns>
    /// <exception cref="BadInputException">Another run has it, or it cannot be written.</exception>
    public IReadOnlyList<string> Continue(string job, string schedule, long step, IReadOnlyCollection<string> damaged, Guid run = default, long epoch = 0)
    {
        var sentences = new List<string>();
        Take(job, schedule, run, epoch, () =>
        {
            sentences.AddRange(CheckpointStore.SetAsideAfter(Checkpoints, step, damaged));
            if (CutMetrics(step) is var last && last < step)
            {
                sentences.Add(string.Create(CultureInfo.InvariantCulture, $"{Metrics} ends with step {last}: it has no line of the steps after that to {step}."));
            }

            CutEvents();
        });
        return sentences;
    }

    /// <param name="prepare">Does something about what is there, while no other run can have it.</param>
    private void Take(string job, string? schedule, Guid run, long epoch, Action prepare)
    {
        try
        {
            if (Directory.Exists(Root) && HasEntries())
            {
                held = RunLock.Take(Root, InUse);
                prepare();
            }

            Directory.CreateDirectory(Checkpoints);
            DirectorySync.Flush(Root);
            DirectorySync.Flush(Path.GetDirectoryName(Root)!);
            held ??= RunLock.Take(Root, InUse);
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
        CutEvents();
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

    /// <summary>With its lock, which is free then.</summary>
    private void MoveAside()
    {
        var number = 1;
        while (Path.Exists($"{Root}.{number}"))
        {
            number++;
        }

        if (OperatingSystem.IsWindows())
        {
            held!.Dispose();   // which moves no folder with an open file
        }

        Directory.Move(Root, $"{Root}.{number}");
        held!.Dispose();
        held = null;
    }

    /// <summary>Leaves the metrics of no later step.</summary>
    /// <returns>The last step that is left; 0 where none is.</returns>
    public long CutMetrics(long lastStep)
    {
        string[] kept = File.Exists(Metrics) ? [.. File.ReadLines(Metrics).TakeWhile(line => StepOf(line) <= lastStep)] : [];
        if (File.Exists(Metrics))
        {
            Rewrite(Metrics, string.Concat(kept.Select(line => line + "\n")));
        }

        return kept.Length == 0 ? 0 : StepOf(kept[^1]);
    }

    /// <summary>What a checkpoint is of must not be lost before it.</summary>
    internal void FlushMetrics()
    {
        using var handle = File.OpenHandle(Metrics, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>Leaves no half line of a writer that was killed, or had no space left.</summary>
    private void CutEvents()
    {
        if (File.Exists(Events))
        {
            var written = File.ReadAllText(Events);
            Rewrite(Events, written[..(written.LastIndexOf('\n') + 1)]);
        }
    }

    /// <summary>As a new file, which whoever has the old one open does not write to.</summary>
    private static void Rewrite(string path, string text)
    {
        using (var stream = new FileStream(path + ".partial", FileMode.Create))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(path + ".partial", path, overwrite: true);
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
