using System.Text.Json.Serialization;

namespace Pipeline.Runtime.Runs;

/// <summary>One committed step: a line of metrics.jsonl.</summary>
/// <param name="Loss">Mean over the targets of the whole batch, or over its sequences where the model's objective is; null when the step was skipped.</param>
/// <param name="Skipped">Loss or gradient was not finite, so no stage applied the step.</param>
/// <param name="ValidationLoss">Null when not measured after this step.</param>
/// <param name="GradNorm">Global, before clipping; null when it is not finite.</param>
/// <param name="Tokens">Targets of the step that count.</param>
/// <param name="StepSeconds">From the start of the step to its commit.</param>
/// <param name="Bubble">The mean share of the step in which a stage was idle.</param>
/// <param name="Accuracy">The share of the batch's targets that was predicted right; null where that is not counted.</param>
/// <param name="SequenceAccuracy">The share of its sequences all of whose targets were.</param>
/// <param name="Rmse">The root of the batch's mean squared error in a regression; null otherwise.</param>
/// <param name="ValidationAccuracy">As <paramref name="Accuracy"/>, when measured after this step.</param>
/// <param name="ValidationSequenceAccuracy">As <paramref name="SequenceAccuracy"/>, when measured after this step.</param>
/// <param name="ValidationRmse">As <paramref name="Rmse"/>, when measured after this step.</param>
public sealed record StepMetrics(
    long Step,
    long Epoch,
    double? Loss,
    bool Skipped,
    double? ValidationLoss,
    double? GradNorm,
    double LearningRate,
    long Tokens,
    double StepSeconds,
    double TokensPerSecond,
    double Bubble,
    IReadOnlyList<StageMetrics> Stages,
    double? Accuracy = null,
    double? SequenceAccuracy = null,
    double? Rmse = null,
    double? ValidationAccuracy = null,
    double? ValidationSequenceAccuracy = null,
    double? ValidationRmse = null);

/// <param name="Stage">The row of the schedule, with one or more chunks of the model.</param>
/// <param name="Bubble">1 - busy / step.</param>
/// <param name="TransferSeconds">Idle while a frame already sent was on its way.</param>
/// <param name="PeakInFlight">The most micro-batches, counted for each chunk, whose activations were alive.</param>
/// <param name="Replica">The copy of the pipeline that the stage belongs to; left out where there is only one.</param>
public sealed record StageMetrics(int Stage, double BusySeconds, double Bubble, double TransferSeconds, int PeakInFlight, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Replica = null);

/// <summary>Anything else that happened: a line of events.jsonl.</summary>
/// <param name="Kind">start, evaluation, growth, checkpoint, warning, loss-spike, injected, fault, end, import.</param>
/// <param name="Step">The last committed step.</param>
/// <param name="Message">One plain sentence.</param>
/// <param name="Accuracy">Of an evaluation, and so the following; null where it is not counted.</param>
public sealed record RunEvent(
    DateTimeOffset Time,
    string Kind,
    long Step,
    string Message,
    double? Loss = null,
    string? Path = null,
    double? Accuracy = null,
    double? SequenceAccuracy = null,
    double? Rmse = null);

/// <summary>The run in numbers: summary.json, and what <c>--json</c> prints.</summary>
/// <param name="Outcome">completed, interrupted or failed.</param>
/// <param name="Steps">Steps committed, those of earlier runs included.</param>
/// <param name="FirstLoss">Of this run's first step.</param>
public sealed record RunSummary(
    string Name,
    string Outcome,
    string? Failure,
    long Steps,
    double? FirstLoss,
    double? FinalLoss,
    double? FinalValidationLoss,
    double? FinalAccuracy,
    double? FinalSequenceAccuracy,
    double? FinalRmse,
    double? FinalValidationAccuracy,
    double? FinalValidationSequenceAccuracy,
    double? FinalValidationRmse,
    long Parameters,
    long SkippedSteps,
    double Seconds,
    double? MedianStepSeconds,
    double? MedianTokensPerSecond,
    double? MedianBubble,
    string Directory,
    string? Checkpoint,
    IReadOnlyList<StageSummary> Stages);

/// <param name="Layers">Names of the first and last layer of each of its chunks.</param>
/// <param name="Node">The node's name; the host's in a run of one process.</param>
/// <param name="Process">Process id.</param>
public sealed record StageSummary(
    int Stage, string Layers, long Parameters, string Device, string Node, int Process, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Replica = null);
