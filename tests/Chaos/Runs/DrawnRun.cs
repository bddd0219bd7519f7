using System.Globalization;

namespace Pipeline.Chaos.Runs;

/// <summary>A job, where it runs, and what goes wrong, all drawn from a seed.</summary>
/// <param name="Index">Among the runs of the seed.</param>
internal sealed record DrawnRun(int Seed, int Index, ChaosJob Job, int Processes, int Spares, IReadOnlyList<DrawnFault> Faults)
{
    /// <summary>On few cores more take too long to start.</summary>
    private const int MostProcesses = 5;

    private const int MostFaults = 5;

    private static readonly string[] EveryPhase = ["forward", "backward", "ready", "commit", "checkpoint"];

    private static readonly (string Kind, int Weight)[] Kinds =
    [
        ("kill", 32), ("freeze", 9), ("drop", 9), ("corrupt", 6), ("corrupt twice", 5), ("slow", 6), ("fill-disk", 8), ("nan", 6), ("fail", 6),
        ("outside kill", 7), ("outside end", 5), ("outside freeze", 2),
    ];

    /// <summary>Runs until there are as many faults.</summary>
    /// <param name="isShort">As many faults to a run as there can be, few spares, and no process that stands still for so long that it is given up.</param>
    public static IEnumerable<DrawnRun> Of(int seed, int faults, IReadOnlyList<ChaosJob> jobs, bool isShort = false)
    {
        for (var (index, drawn) = (0, 0); drawn < faults; index++)
        {
            var run = Draw(seed, index, jobs[index % jobs.Count], isShort);
            run = run with { Faults = [.. run.Faults.Take(faults - drawn)] };
            drawn += run.Faults.Count;
            yield return run;
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Job.Name} ({Job.Stages}x{Job.Replicas}), {Processes} processes and {Spares} spares: {string.Join("; ", Faults.Select(fault => fault.Text))}");

    /// <summary>The run by hand; signals from outside come beside it.</summary>
    public IReadOnlyList<string> Arguments =>
    [
        "train", "job.hocon", "--processes", $"{Processes}", "--set", $"recovery.spares={Spares}",
        .. Faults.Where(fault => fault.Signal is null).SelectMany(fault => new[] { "--inject", fault.Text }),
    ];

    private static DrawnRun Draw(int seed, int index, ChaosJob job, bool isShort)
    {
        var random = new Random(unchecked((seed * 1_000_003) + index));
        var processes = Math.Min(random.Next(10) < 7 ? job.Workers : Math.Max(2, job.Workers - 1), MostProcesses - 1);
        var spares = Math.Min(Math.Max(0, random.Next(4) - 1), isShort ? 1 : MostProcesses - processes);
        var expendable = processes + spares - 1;
        var faults = new List<DrawnFault>();
        for (var count = random.Next(isShort ? MostFaults : 2, MostFaults + 1); count > 0; count--)
        {
            var kind = Kind(random);
            kind = isShort && kind == "outside freeze" ? "freeze" : kind;
            var costs = kind is "kill" or "outside kill" or "outside end" or "outside freeze";
            kind = costs && expendable == 0 ? "drop" : kind;
            expendable -= costs && expendable > 0 ? 1 : 0;
            faults.Add(Fault(random, kind, job, processes, spares, faults.Count == 0 ? null : faults[^1].Step));
        }

        return new(seed, index, job, processes, spares, faults);
    }

    private static string Kind(Random random)
    {
        var at = random.Next(Kinds.Sum(kind => kind.Weight));
        return Kinds.First(kind => (at -= kind.Weight) < 0).Kind;
    }

    private static DrawnFault Fault(Random random, string kind, ChaosJob job, int processes, int spares, long? before)
    {
        var step = Step(random, job, before);
        if (kind.StartsWith("outside", StringComparison.Ordinal))
        {
            var signal = new OutsideSignal(
                kind switch { "outside kill" => "KILL", "outside end" => "TERM", _ => "STOP" },
                random.Next(processes + spares),
                kind == "outside freeze" ? TimeSpan.FromSeconds(20) : null);
            return new(kind, "", Math.Min(step, job.Steps - 2), $"{signal.Name} to node process {signal.Process} after step {Math.Min(step, job.Steps - 2)}", signal);
        }

        var phase = kind switch
        {
            "kill" or "freeze" => EveryPhase[random.Next(5)],
            "drop" or "corrupt" or "corrupt twice" or "fail" => EveryPhase[random.Next(4)],
            "nan" => EveryPhase[random.Next(2)],
            "fill-disk" => "checkpoint",
            _ => "",
        };
        if (phase == "checkpoint")
        {
            // The last checkpoint is the run's result: a disk that is full then ends it, as it must.
            var most = kind == "fill-disk" ? (job.Steps - 1) / job.CheckpointEvery : job.Steps / job.CheckpointEvery;
            step = Math.Clamp((step + job.CheckpointEvery - 1) / job.CheckpointEvery, 1, most) * job.CheckpointEvery;
        }

        // Where neighbours share a process, frames of the last worker go to another one all the same.
        var isLast = processes < job.Workers && (kind == "drop" || kind.StartsWith("corrupt", StringComparison.Ordinal));
        var stage = isLast ? job.Stages - 1 : random.Next(job.Stages);
        // In the product's own order of keys, by which it tells that a fault has happened.
        var text = string.Create(CultureInfo.InvariantCulture, $"{kind.Split(' ')[0]} stage={stage} step={step}")
            + (job.Replicas > 1 && phase != "checkpoint" && (isLast || random.Next(2) == 1) ? " replica=1" : "")
            + (phase.Length > 0 ? $" phase={phase}" : "")
            + (phase is "forward" or "backward" && random.Next(2) == 1 ? $" micro-batch={random.Next(job.MicroBatches)}" : "")
            + kind switch
            {
                "freeze" => $" for={random.Next(2, 30)}00ms",
                "slow" => $" by={random.Next(2, 20)}",
                "corrupt twice" => " twice=true",
                _ => "",
            };
        return new(kind, phase, step, text);
    }

    /// <summary>The first, the last, the one of the fault before, one that is taken again because of that, or any.</summary>
    private static long Step(Random random, ChaosJob job, long? before) => (random.Next(10), before) switch
    {
        (0, _) => 1,
        (1, _) => job.Steps,
        (2 or 3, { } same) => same,
        (4, { } same) => Math.Clamp(same + random.Next(-4, 3), 1, job.Steps),
        _ => random.NextInt64(1, job.Steps + 1),
    };
}
