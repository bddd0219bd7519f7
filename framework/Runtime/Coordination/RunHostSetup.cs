using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>All that a process's part in a run is given.</summary>
/// <param name="Number">The process's own in the run.</param>
/// <param name="Run">The run's secret.</param>
/// <param name="Plan">What the workers need to begin an epoch; it may read data, so it is called beside the mailbox.</param>
/// <param name="Seated">Told which workers are here, each with its device.</param>
/// <param name="Plane">Null where all of the run is in this process.</param>
internal sealed record RunHostSetup(
    int Number, Guid Run, PlanEpoch Plan, CreateExecutor CreateExecutor, Action<IReadOnlyDictionary<int, string>> Seated, ITensorPlane? Plane);

/// <param name="workers">Of this process.</param>
/// <param name="step">Behind which the epoch begins.</param>
/// <param name="checkpoint">Of that step, verified; null where the state comes from elsewhere.</param>
internal delegate StagePlan PlanEpoch(IReadOnlyCollection<int> workers, long step, string? checkpoint);
