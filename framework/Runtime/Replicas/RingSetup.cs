using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Replicas;

/// <summary>All that a ring actor is given.</summary>
/// <param name="Device">Of its worker: sums are made there.</param>
/// <param name="Report">Tells the coordinator what goes wrong.</param>
internal sealed record RingSetup(StagePlan Plan, int Worker, Device Device, Action<IControlMessage> Report)
{
    public Ring Ring => new(Plan.Workers.Replicas, Plan.Workers.ReplicaOf(Worker));

    /// <summary>Each replica updates its shard alone; otherwise all have all sums.</summary>
    public bool IsSharded => Plan.Job.Parallel.ShardsOptimizer;

    public bool Holds(int stage) => stage >= 0 && stage < Plan.Schedule.Stages && Plan.Schedule.RankOf(stage) == Plan.Workers.RankOf(Worker);
}
