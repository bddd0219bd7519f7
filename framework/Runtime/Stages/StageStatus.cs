using System.Diagnostics;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>What a stage is doing, written by its thread and read by others at any time: a stage inside an operator reads no mailbox.</summary>
public sealed class StageStatus
{
    private volatile Entry current = new("starting", null, null, Stopwatch.GetTimestamp());

    /// <summary>Stopwatch ticks at which the stage began to do what it is doing.</summary>
    public long Since => current.Since;

    /// <summary>Such as <c>running 1F3</c> or <c>waiting in 0B2 for the gradient of micro-batch 2 of step 7</c>.</summary>
    public override string ToString()
    {
        var (doing, action, missing, _) = current;
        return doing + (action is null ? "" : $" {action}") + (missing is null ? "" : $" for {missing}");
    }

    internal void Set(string doing, PipelineAction? action = null, FrameKey? missing = null) =>
        current = new(doing, action, missing, Stopwatch.GetTimestamp());

    private sealed record Entry(string Doing, PipelineAction? Action, FrameKey? Missing, long Since);
}
