using Akka.Actor;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Stages;

/// <summary>All that a stage actor is given.</summary>
/// <param name="TiedCopies">Of the whole model.</param>
/// <param name="CreateExecutor">Called on the stage's own thread.</param>
/// <param name="Coordinator">Gets the stage's reports.</param>
internal sealed record StageSetup(
    int Stage,
    Schedule Schedule,
    IReadOnlyList<TiedCopy> TiedCopies,
    Func<IStageExecutor> CreateExecutor,
    StageStatus Status,
    Fence Fence,
    IActorRef Coordinator)
{
    public bool First => Stage == 0;

    public bool Last => Stage == Schedule.Stages - 1;
}
