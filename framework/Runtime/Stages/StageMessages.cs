using System.Text.Json.Serialization;
using Pipeline.Core.Optimization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>From its host to a stage actor: build the stages on the actor's own thread.</summary>
/// <param name="Step">The last step that the stages are to hold.</param>
/// <param name="Links">To other workers, by their numbers; null where there is no edge.</param>
/// <param name="Report">Tells the coordinator; from any thread.</param>
/// <param name="From">The state of that step; null where the executors have it already, from a checkpoint or as they begin.</param>
/// <param name="Keep">Takes the worker's snapshots, and reports each when it is safe.</param>
internal sealed record StartStage(
    long Epoch, long Step, IReadOnlyList<ITensorLink?> Links, Action<IControlMessage> Report, Snapshot? From, Action<Snapshot> Keep);

// From the coordinator to a stage actor. Each carries the epoch; what comes from an older one has no effect.

internal sealed record RunStep(long Epoch, long Step) : IControlMessage;

/// <param name="GradientScale">The clip factor; null skips the step on all stages.</param>
/// <param name="RunsNext">The next step follows at once.</param>
/// <param name="Move">With L-BFGS what becomes of parameters, also where the step is skipped; null: nothing.</param>
internal sealed record CommitStep(long Epoch, long Step, double? GradientScale, bool RunsNext, LbfgsMove? Move = null) : IControlMessage
{
    /// <summary>Parameters are not what they were.</summary>
    [JsonIgnore]
    public bool ChangesParameters => GradientScale is not null || Move is not null;
}

/// <param name="Step">The step after which the evaluation takes place; 0 before the first.</param>
internal sealed record RunEvaluation(long Epoch, long Step, int Batches) : IControlMessage;

/// <summary>After a step: the model grows, or its layers adapt, or both.</summary>
internal sealed record AdaptStages(long Epoch, long Step) : IControlMessage;

/// <summary>Copy the state as it is after a step, before the next one begins; what becomes of the copy happens beside the steps.</summary>
/// <param name="Directory">An existing folder for the worker's shard of a checkpoint, which <see cref="ShardSaved"/> tells of; null: none is written.</param>
/// <param name="Snapshot">Keep a snapshot too, which <see cref="SnapshotKept"/> tells of.</param>
internal sealed record CopyState(long Epoch, long Step, string? Directory, bool Snapshot) : IControlMessage;

// From a stage actor to the coordinator: a constant number a step, whatever the number of micro-batches.

/// <summary>What counts in its own epoch alone.</summary>
internal interface IEpochReport : IControlMessage
{
    long Epoch { get; }
}

internal sealed record StageStarted(long Epoch, int Worker) : IEpochReport;

/// <summary>The worker's part of the step is done and waits for the commit.</summary>
/// <param name="Result">From the last stage; nothing from the others.</param>
/// <param name="Products">As <see cref="IStageExecutor.Products"/>; null with another optimizer than L-BFGS.</param>
internal sealed record StepReady(
    long Epoch, long Step, int Worker, IReadOnlyList<KeyValuePair<string, double>> GradientSquares, PassResult Result, StageTimes Times,
    IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>>? Products = null) : IEpochReport;

/// <param name="Result">From the last stage; nothing from the others.</param>
/// <param name="Optimizer">As in <see cref="StageTimes"/>.</param>
internal sealed record EvaluationDone(long Epoch, long Step, int Worker, PassResult Result, Interval? Optimizer) : IEpochReport;

/// <param name="Optimizer">As in <see cref="StageTimes"/>.</param>
internal sealed record StagesAdapted(long Epoch, long Step, int Worker, Interval? Optimizer) : IEpochReport;

/// <param name="Shard">Null where the worker had nothing to save, or could not.</param>
/// <param name="Problem">Why it could not, in one sentence.</param>
/// <param name="Optimizer">As in <see cref="StageTimes"/>.</param>
internal sealed record ShardSaved(long Epoch, long Step, int Worker, Shard? Shard, string? Problem, Interval? Optimizer) : IEpochReport;

/// <summary>A worker's snapshot is in two processes, or in the only one there is.</summary>
internal sealed record SnapshotKept(long Epoch, long Step, int Worker) : IEpochReport;

/// <param name="Doing">The action, or what else the worker was doing.</param>
/// <param name="Reason">One sentence.</param>
internal sealed record StageFailed(long Epoch, int Worker, string Doing, string Reason) : IEpochReport;

/// <summary>A frame was dropped that a sound peer would not have sent.</summary>
/// <param name="Reason">One sentence.</param>
internal sealed record FrameRefused(int Worker, string Reason) : IControlMessage;

// Between a stage or ring actor and its host, at the end.

/// <summary>Drop what is under way; from now on only this epoch counts.</summary>
internal sealed record Quieten(long Epoch);

/// <summary>The actor sends nothing more of an older epoch.</summary>
internal sealed record StageQuiet;

/// <summary>Stopwatch ticks.</summary>
public readonly record struct Interval(long Start, long End);

/// <summary>An action as it ran; times are Stopwatch ticks.</summary>
public readonly record struct ActionTime(PipelineAction Action, long Start, long End);

/// <summary>What a stage did since its last report.</summary>
/// <param name="Between">Stopwatch ticks in the optimizer and tied copies after the step before, and in gradient norms.</param>
/// <param name="Transfer">Stopwatch ticks in which the stage had nothing to do because a frame already sent had not arrived.</param>
/// <param name="Optimizer">When the stage was in its optimizer for the step before; null where that was reported already.</param>
public sealed record StageTimes(IReadOnlyList<ActionTime> Actions, long Between, long Transfer, int PeakInFlight, Interval? Optimizer)
{
    /// <summary>Stopwatch ticks.</summary>
    public long Busy => Between + Actions.Sum(action => action.End - action.Start);
}
