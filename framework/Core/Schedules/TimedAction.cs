namespace Pipeline.Core.Schedules;

/// <param name="Start">In the unit of the durations, from the start of the step.</param>
/// <param name="End">In the same.</param>
public readonly record struct TimedAction(PipelineAction Action, double Start, double End);
