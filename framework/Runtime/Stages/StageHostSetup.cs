using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>All that the host of a process's workers is given.</summary>
/// <param name="Devices">The workers of this process, each with where it runs.</param>
/// <param name="Plane">Null where all workers are in this process.</param>
internal sealed record StageHostSetup(
    StagePlan Plan, IReadOnlyDictionary<int, Device> Devices, CreateExecutor CreateExecutor, ITensorPlane? Plane);

/// <summary>Makes the executor of a stage of a worker; called on the worker's own thread.</summary>
internal delegate IStageExecutor CreateExecutor(int worker, int stage, Device device);
