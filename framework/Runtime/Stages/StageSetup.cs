using Akka.Actor;
using Pipeline.Core.Schedules;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>All that a stage actor is given.</summary>
/// <param name="Rank">Its row of the schedule.</param>
/// <param name="Credits">Of every edge of the schedule.</param>
/// <param name="TiedCopies">Of the whole model.</param>
/// <param name="Device">Where its stages run.</param>
/// <param name="CreateExecutor">Makes the executor of one of its stages; called on the actor's own thread.</param>
/// <param name="Coordinator">Gets the actor's reports.</param>
internal sealed record StageSetup(
    int Rank,
    Schedule Schedule,
    IReadOnlyDictionary<(HandOverKind Kind, int Stage), int> Credits,
    IReadOnlyList<TiedCopy> TiedCopies,
    Device Device,
    Func<int, IStageExecutor> CreateExecutor,
    StageStatus Status,
    Fence Fence,
    IActorRef Coordinator)
{
    public IReadOnlyList<PipelineAction> Actions => Schedule.Ranks[Rank];

    /// <summary>The stages that the actor holds: its chunks of the model.</summary>
    public IReadOnlyList<int> Stages => Schedule.StagesOf[Rank];

    public bool Holds(int stage) => Schedule.RankOf(stage) == Rank;
}
