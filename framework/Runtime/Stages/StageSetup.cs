using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Faults;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>All that a stage actor is given.</summary>
/// <param name="Credits">Of every edge of the schedule.</param>
/// <param name="Device">Where its stages run.</param>
/// <param name="Ring">The worker's ring actor; null where there is one replica.</param>
/// <param name="Faults">What is to go wrong in it, for drills.</param>
internal sealed record StageSetup(
    StagePlan Plan,
    int Worker,
    IReadOnlyDictionary<(HandOverKind Kind, int Stage), int> Credits,
    Device Device,
    CreateExecutor CreateExecutor,
    StageStatus Status,
    Fence Fence,
    IActorRef? Ring,
    StageFaults Faults)
{
    public Schedule Schedule => Plan.Schedule;

    /// <summary>Its row of the schedule.</summary>
    public int Rank => Plan.Workers.RankOf(Worker);

    public IReadOnlyList<PipelineAction> Actions => Schedule.Ranks[Rank];

    /// <summary>The stages that the actor holds: its chunks of the model.</summary>
    public IReadOnlyList<int> Stages => Schedule.StagesOf[Rank];

    public IReadOnlyList<TiedCopy> TiedCopies => Plan.Partition.TiedCopies;

    public bool Holds(int stage) => Schedule.RankOf(stage) == Rank;

    /// <summary>The worker that holds a stage of the same replica.</summary>
    public int WorkerOf(int stage) => Plan.Workers.Of(Plan.Workers.ReplicaOf(Worker), Schedule.RankOf(stage));
}
