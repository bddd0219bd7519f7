using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>All that the host of a process's workers is given.</summary>
/// <param name="Plan">As the epoch begins.</param>
/// <param name="Devices">The workers of this process, each with where it runs.</param>
/// <param name="Process">What there is beside this process; null where all workers are in it.</param>
internal sealed record StageHostSetup(
    StagePlan Plan, IReadOnlyDictionary<int, Device> Devices, CreateExecutor CreateExecutor, RunProcess? Process = null);

/// <summary>A process of a run that has several.</summary>
/// <param name="Number">Its own in the run.</param>
/// <param name="Run">The run's secret: who does not know it gets no link.</param>
/// <param name="Workers">Those that are here, for whoever brings them orders.</param>
/// <param name="Report">Tells the coordinator something of a worker; from any thread.</param>
internal sealed record RunProcess(
    int Number, Guid Run, ITensorPlane Plane, SnapshotStore Snapshots, IDictionary<int, IActorRef> Workers, Action<int, IControlMessage> Report);

/// <summary>Makes the executor of a stage of a worker; called on the worker's own thread.</summary>
/// <param name="plan">As the epoch begins.</param>
internal delegate IStageExecutor CreateExecutor(StagePlan plan, int worker, int stage, Device device);
