using System.Diagnostics;
using System.Globalization;
using Pipeline.Cli.Tests;
using Pipeline.Tests;

namespace Pipeline.Chaos.Runs;

/// <summary>Runs a drawn run by the real command, and compares what it leaves with the undisturbed run.</summary>
/// <param name="limit">When the run is given up; null: late enough.</param>
internal sealed class DisturbedRun(DrawnRun run, References references, TimeSpan? limit = null)
{
    /// <summary>Such a run takes some 10 to 40 seconds on two cores.</summary>
    private static readonly TimeSpan Generous = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5);

    private readonly Lock gate = new();
    private readonly List<(string Text, DateTimeOffset Time)> happened = [];   // as --inject, or as the signal has it
    private readonly List<DrawnFault> waiting = [.. run.Faults.Where(fault => fault.Signal is not null)];
    private readonly List<(int Process, DateTimeOffset Time)> stopped = [];
    private readonly List<string> problems = [];
    private int killed;

    /// <param name="keep">Where the directory of a run that fails is kept; null: nowhere.</param>
    public ChaosResult Run(string? keep)
    {
        using var folder = new TemporaryFolder();
        ChaosFolder.Fill(folder, run.Job);
        var (progress, began, latest) = (new Progress(folder.File("run")), Stopwatch.GetTimestamp(), limit ?? Generous);
        using var command = Command.Start(folder.Path, Told, run.Arguments);
        while (!command.HasEnded && Stopwatch.GetElapsedTime(began) < latest)
        {
            progress.Look();
            Signal(command, progress.Step);
            Thread.Sleep(Interval);
        }

        progress.Look();
        var (isHung, seconds) = (!command.HasEnded, Stopwatch.GetElapsedTime(began).TotalSeconds);
        if (isHung)
        {
            problems.Add($"it has not ended after {latest.TotalSeconds:F0} s");
            command.Kill();
        }

        var (left, (code, _, errors)) = (command.Alive, command.Finish());
        problems.AddRange(left.Count == 0 || isHung ? [] : [$"{left.Count} processes are left behind"]);
        problems.AddRange(code == 0 || isHung ? [] : [string.Create(CultureInfo.InvariantCulture, $"exit code {code}: {LastLines(errors)}")]);
        var record = RecordedRun.Read(folder.File("run"));
        if (!isHung && code == 0)
        {
            Compare(record, references.Of(run));
            problems.AddRange(WrittenCheckpoint.Problems(folder.File("run")));
        }

        if (problems.Count > 0 && keep is not null)
        {
            var kept = Directory.CreateDirectory(Path.Combine(keep, $"{run.Seed}-{run.Index}")).FullName;
            File.WriteAllText(Path.Combine(kept, "errors.txt"), errors);
            File.WriteAllText(Path.Combine(kept, "run.txt"), $"{run}\n{string.Join('\n', problems)}\n");
            foreach (var file in Directory.EnumerateFiles(folder.Path, "*.jsonl", SearchOption.AllDirectories).Append(folder.File("job.hocon")))
            {
                File.Copy(file, Path.Combine(kept, Path.GetFileName(file)), overwrite: true);
            }
        }

        return new(run, seconds, [.. run.Faults.Select(fault => Outcome(fault, record, progress))], problems, Tail(record));
    }

    private FaultOutcome Outcome(DrawnFault fault, RecordedRun record, Progress progress)
    {
        DateTimeOffset? fired = happened.Select(entry => (entry.Text, Time: (DateTimeOffset?)entry.Time))
            .Concat(record.Events.Where(one => one.Kind == "injected").Select(one => (Text: one.Message, Time: (DateTimeOffset?)one.Time)))
            .FirstOrDefault(entry => entry.Text.Contains(fault.Text, StringComparison.Ordinal)).Time;
        return new(fault, fired is not null, fired is { } time ? progress.Recovered(time)?.TotalSeconds : null);
    }

    private void Compare(RecordedRun record, RecordedRun undisturbed)
    {
        if (!record.Steps.Select(step => step.Step).SequenceEqual(Enumerable.Range(1, (int)run.Job.Steps).Select(step => (long)step)))
        {
            problems.Add($"its steps are {string.Join(' ', record.Steps.Select(step => step.Step))}");
            return;
        }

        if (record.Steps.Zip(undisturbed.Steps).FirstOrDefault(pair => pair.First.Text != pair.Second.Text) is ({ } one, { } other))
        {
            problems.Add($"step {one.Step} is {one.Text} and undisturbed {other.Text}");
        }

        if (undisturbed.Weights.Where(entry => record.Weights.GetValueOrDefault(entry.Key) != entry.Value).Select(entry => entry.Key).ToArray() is { Length: > 0 } different)
        {
            problems.Add($"{different.Length} tensors of the last checkpoint are different, {different[0]} the first");
        }

        if (record.Weights.Count != undisturbed.Weights.Count)
        {
            problems.Add($"the last checkpoint has {record.Weights.Count} tensors and undisturbed {undisturbed.Weights.Count}");
        }

        var epochs = record.Epochs;
        if (epochs.Zip(epochs.Skip(1)).Any(pair => pair.Second.Epoch <= pair.First.Epoch))
        {
            problems.Add($"its epochs are {string.Join(' ', epochs.Select(entry => entry.Epoch))}");
        }

        // A step that counts is of the last epoch that began before it.
        if (record.Steps.FirstOrDefault(step => step.Epoch != epochs.Last(entry => entry.Step < step.Step).Epoch) is { } strange)
        {
            problems.Add($"step {strange.Step} is of epoch {strange.Epoch}, and the epochs began behind {string.Join(", ", epochs.Select(entry => $"{entry.Step} ({entry.Epoch})"))}");
        }

        var noticed = record.Events.Count(one => one.Kind == "fault" && one.Message.Contains(" was lost", StringComparison.Ordinal));
        var lost = killed + run.Faults.Count(fault => fault.Kind == "kill" && fault.Step < run.Job.Steps && happened.Any(entry => entry.Text.Contains(fault.Text, StringComparison.Ordinal)));
        if (noticed < lost)
        {
            problems.Add($"{lost} processes were killed, and the loss of {noticed} was noticed");
        }
    }

    private void Told(string line)
    {
        if (line.StartsWith("injected: ", StringComparison.Ordinal))
        {
            lock (gate)
            {
                happened.Add((line, DateTimeOffset.UtcNow));
            }
        }
    }

    private void Signal(Command command, long step)
    {
        foreach (var (process, _) in stopped.Where(entry => entry.Time <= DateTimeOffset.UtcNow).ToArray())
        {
            Command.Signal("CONT", $"{process}");
            stopped.RemoveAll(entry => entry.Process == process);
        }

        foreach (var fault in waiting.Where(fault => fault.Step <= step).ToArray())
        {
            waiting.Remove(fault);
            if (NodeProcess.Of(command) is { Count: > 0 } nodes)
            {
                var target = nodes[fault.Signal!.Process % nodes.Count];
                lock (gate)
                {
                    happened.Add((fault.Text, DateTimeOffset.UtcNow));
                }

                Command.Signal(fault.Signal.Name, $"{target.Id}");
                killed += fault.Signal.Name == "KILL" && target.Number <= run.Processes ? 1 : 0;   // a spare may not have joined yet
                if (fault.Signal.Wakes is { } wakes)
                {
                    stopped.Add((target.Id, DateTimeOffset.UtcNow + wakes));
                }
            }
        }
    }

    private static string LastLines(string errors) => string.Join(" / ", errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(3));

    private static IReadOnlyList<string> Tail(RecordedRun record) =>
    [
        .. record.Events.TakeLast(12).Select(one => $"{one.Time:HH:mm:ss.fff} {one.Kind} (step {one.Step}): {one.Message}"),
        $"steps to {(record.Steps is [.., var last] ? last.Step : 0)}, in epochs {string.Join(' ', record.Steps.Select(step => step.Epoch).Distinct())}",
    ];
}
