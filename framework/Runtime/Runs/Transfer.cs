using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <summary>A hand-over between two ranks, in a trace.</summary>
/// <param name="Given">The action that gave it.</param>
/// <param name="Taken">The action that needed it.</param>
/// <param name="FreeSince">When the receiving rank had ended what it did before; null when the trace does not hold that.</param>
public readonly record struct Transfer(HandOver HandOver, TimedAction Given, TimedAction Taken, double? FreeSince)
{
    /// <summary>How long the tensor was under way; null when the receiver was still busy as it was sent, so that its arrival was not seen.</summary>
    public double? Latency => FreeSince > Given.End ? null : Math.Max(0, Taken.Start - Given.End);

    /// <summary>How long the receiver had nothing to do but wait for a tensor already sent.</summary>
    public double Waited => Math.Max(0, Taken.Start - Math.Max(Given.End, FreeSince ?? Given.End));
}
