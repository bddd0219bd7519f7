using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <summary>When every action of a step ran, measured or predicted. Times are seconds from an origin that a trace's steps share.</summary>
public sealed record StepTrace(long Step, IReadOnlyList<RankTrace> Ranks)
{
    public double Start => Ranks.Min(rank => rank.Actions[0].Start);

    public double End => Ranks.Max(rank => rank.End);

    /// <summary>From the first action's start to the last optimizer's end.</summary>
    public double Seconds => End - Start;

    /// <summary>The mean share of the step in which a rank is idle.</summary>
    public double Bubble => Ranks.Average(BubbleOf);

    /// <summary>The share of the step in which a rank is idle.</summary>
    public double BubbleOf(RankTrace rank) => Seconds > 0 ? Math.Max(0, 1 - (rank.Busy / Seconds)) : 0;

    /// <summary>A simulated step, so that it can be laid beside a measured one.</summary>
    public static StepTrace Of(long step, Simulation simulation) => new(step, [.. simulation.Ranks.Select((actions, rank) =>
        new RankTrace(actions, simulation.OptimizerEnds is { } ends ? new(simulation.ActionsEnd, ends[rank]) : null))]);
}
