using Pipeline.Core.Schedules;

namespace Pipeline.Core.Partitioning;

/// <summary>A step as the planner expects it.</summary>
/// <param name="Cuts">For each stage the range of its layers.</param>
/// <param name="Simulation">In seconds, the optimizer included.</param>
/// <param name="Bytes">By rank: parameters, gradients, optimizer state and the most activations alive at once.</param>
public sealed record StepPrediction(IReadOnlyList<Range> Cuts, Simulation Simulation, IReadOnlyList<long> Bytes);
