namespace Pipeline.Cli.Inspect.Steps;

/// <summary>What <c>pipeline inspect</c> found, in numbers; what <c>--json</c> prints.</summary>
/// <param name="Run">The run directory.</param>
/// <param name="FirstStep">The first that the trace holds.</param>
/// <param name="LastStep">The last that the trace holds.</param>
/// <param name="TransferSeconds">Mean time that a hand-over between stages was under way, where the receiver was waiting for it.</param>
/// <param name="SlowestStage">The stage with the most work.</param>
internal sealed record InspectionReport(
    string Run,
    string Schedule,
    int MicroBatches,
    long Step,
    long FirstStep,
    long LastStep,
    StepReport Measured,
    StepReport Planned,
    double TransferSeconds,
    int SlowestStage,
    IReadOnlyList<StageReport> Stages,
    string? Picture);

/// <param name="Seconds">From the first action's start to the last optimizer's end.</param>
/// <param name="Bubble">The mean share of it in which a stage is idle.</param>
internal sealed record StepReport(double Seconds, double Bubble);

/// <param name="TransferSeconds">Idle while a hand-over was under way.</param>
/// <param name="OptimizerSeconds">Null where the step was not committed.</param>
/// <param name="PeakInFlight">The most micro-batches, counted for each chunk, whose activations were alive: as in metrics.jsonl.</param>
internal sealed record StageReport(
    int Stage, double BusySeconds, double Bubble, double PlannedBubble, double TransferSeconds, double? OptimizerSeconds, int PeakInFlight);
