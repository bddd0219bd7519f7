using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <param name="Actions">In the order in which they ran; at least one.</param>
/// <param name="Optimizer">Null where the step was not committed.</param>
public sealed record RankTrace(IReadOnlyList<TimedAction> Actions, TimedSpan? Optimizer)
{
    public double End => Optimizer?.End ?? Actions[^1].End;

    /// <summary>Seconds in actions and in the optimizer.</summary>
    public double Busy => Actions.Sum(timed => timed.End - timed.Start) + (Optimizer?.Seconds ?? 0);
}

/// <summary>Seconds from the trace's origin.</summary>
public readonly record struct TimedSpan(double Start, double End)
{
    public double Seconds => End - Start;
}
