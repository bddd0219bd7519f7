namespace Pipeline.Core.Schedules;

/// <summary>A step as predicted. Times are in the unit of the durations.</summary>
public sealed class Simulation
{
    internal Simulation(Schedule schedule, ActionTimes times, IReadOnlyList<IReadOnlyList<TimedAction>> ranks)
    {
        (Schedule, Ranks) = (schedule, ranks);
        ActionsEnd = ranks.Max(row => row[^1].End);
        OptimizerEnds = times.Optimizer is { } steps ? [.. steps.Select(step => ActionsEnd + step)] : null;
        Makespan = OptimizerEnds?.Max() ?? ActionsEnd;
        var work = ranks.Select((row, rank) => row.Sum(action => times.Of(action.Action)) + (times.Optimizer?[rank] ?? 0)).ToArray();
        Spans = [.. ranks.Select(row => times.Optimizer is null ? row[^1].End - row[0].Start : Makespan)];
        LongestSpan = Spans.Max();
        BubbleRates = [.. work.Select(Rate)];
        BubbleRate = Rate(work.Average());
        PeakActivations = [.. schedule.Ranks.Select((row, rank) => (double)PeakOf(row) / schedule.StagesOf[rank].Count)];
    }

    public Schedule Schedule { get; }

    /// <summary>For each rank its actions, in order.</summary>
    public IReadOnlyList<IReadOnlyList<TimedAction>> Ranks { get; }

    /// <summary>When the last rank has ended its actions; where there is an optimizer step, all ranks' begins then.</summary>
    public double ActionsEnd { get; }

    /// <summary>For each rank the end of its optimizer step; null where there is none.</summary>
    public IReadOnlyList<double>? OptimizerEnds { get; }

    /// <summary>From the first start to the last end of all, the optimizer step included.</summary>
    public double Makespan { get; }

    /// <summary>For each rank the time from its first start to its last end. With an optimizer step nobody can run ahead into the next
    /// step, so it is the makespan.</summary>
    public IReadOnlyList<double> Spans { get; }

    public double LongestSpan { get; }

    /// <summary>For each rank the share of the longest span in which it does not work.</summary>
    public IReadOnlyList<double> BubbleRates { get; }

    /// <summary>(longest span - work) / longest span, with the ranks' mean work: the rate of the zero-bubble paper (arXiv:2401.10241),
    /// whose ranks all work m(F + I + W).</summary>
    public double BubbleRate { get; }

    /// <summary>For each rank the most activations alive at once, from the start of their forward to the end of their whole backward or
    /// weight gradient, in units of one micro-batch on the rank: each of its chunks counts an equal part.</summary>
    public IReadOnlyList<double> PeakActivations { get; }

    private double Rate(double work) => LongestSpan > 0 ? Math.Max(0, (LongestSpan - work) / LongestSpan) : 0;

    private static int PeakOf(IReadOnlyList<PipelineAction> row)
    {
        var (alive, peak) = (0, 0);
        foreach (var action in row)
        {
            alive += action.ActivationsAdded;
            peak = Math.Max(peak, alive);
        }

        return peak;
    }
}
