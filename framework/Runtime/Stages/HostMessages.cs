using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

// From the coordinator to a process of the run.

/// <summary>Await the coordinator's link, which bears this process's number; another one's is closed.</summary>
internal sealed record MeetCoordinator(long Epoch) : IControlMessage;

/// <summary>End the stages of older epochs, whatever they are at; answered with <see cref="StagesPaused"/>. Snapshots stay.</summary>
internal sealed record PauseStages(long Epoch) : IControlMessage;

/// <summary>Start this process's workers and link them to the others.</summary>
/// <param name="Step">The last step that the stages are to hold.</param>
/// <param name="Checkpoint">The folder that they get it from; null where they come from snapshots, or begin anew.</param>
/// <param name="Seats">By worker.</param>
/// <param name="Hosts">All processes of the run, also those without a worker.</param>
/// <param name="Sources">By worker, the number of the process that has its snapshot of the step; null where that is not needed.</param>
/// <param name="Coordinator">Gets the reports where the process has no link to it.</param>
/// <param name="Faults">That are to happen, as <c>--inject</c> takes them.</param>
internal sealed record StartStages(
    long Epoch,
    long Step,
    string? Checkpoint,
    IReadOnlyList<Seat> Seats,
    IReadOnlyList<HostPlace> Hosts,
    IReadOnlyList<int>? Sources,
    IActorRef Coordinator,
    IReadOnlyList<string>? Faults = null) : IControlMessage
{
    /// <summary>For a run that has this process alone.</summary>
    /// <param name="devices">By worker.</param>
    public static StartStages Alone(long epoch, long step, IEnumerable<string> devices, IActorRef coordinator) =>
        new(epoch, step, null, [.. devices.Select(device => new Seat(0, device))], [new(0, null)], null, coordinator);
}

/// <summary>Where a worker is.</summary>
/// <param name="Host">The process's number in the run.</param>
internal readonly record struct Seat(int Host, string Device);

/// <param name="Address">Where the process listens for links; null where all of the run is in one process.</param>
/// <param name="IsLeaving">It gives what it has, and keeps nothing for others.</param>
internal sealed record HostPlace(int Number, PlaneAddress? Address, bool IsLeaving = false);

/// <summary>Snapshots of older steps are not needed any more.</summary>
internal sealed record ForgetSnapshots(long Before) : IControlMessage;

/// <summary>Say what the workers are doing; answered with <see cref="StagesDescribed"/>.</summary>
internal sealed record DescribeStages : IControlMessage;

/// <summary>Say what your clock shows; answered with <see cref="ClockRead"/>.</summary>
/// <param name="AskedAt">Stopwatch ticks of the asker.</param>
internal sealed record ReadClock(int Host, long AskedAt) : IControlMessage;

/// <summary>End the workers and whoever holds them.</summary>
/// <param name="Epoch">A newer one: what is under way counts no more.</param>
internal sealed record EndStages(long Epoch) : IControlMessage;

// From a process of the run to the coordinator.

/// <summary>No stage of an older epoch is left here.</summary>
/// <param name="Held">What can be gone on from.</param>
internal sealed record StagesPaused(long Epoch, int Host, IReadOnlyList<HeldSnapshot> Held) : IControlMessage;

internal sealed record StagesDescribed(IReadOnlyList<StageDescription> Workers) : IControlMessage;

/// <param name="Doing">Such as <c>running 1F3</c> or <c>waiting in 0B2 for the gradient of micro-batch 2 of step 7</c>.</param>
/// <param name="Seconds">Since when.</param>
internal sealed record StageDescription(int Worker, string Doing, double Seconds);

/// <param name="Ticks">Of the host's Stopwatch.</param>
internal sealed record ClockRead(int Host, long AskedAt, long Ticks) : IControlMessage;

internal sealed record StagesEnded : IControlMessage;

/// <summary>The process is to end, and its workers are to go on elsewhere.</summary>
internal sealed record HostLeaves(int Host) : IControlMessage;

/// <summary>The epoch cannot go on without a link.</summary>
/// <param name="What">Such as <c>stage 1 has lost its link to stage 2</c>.</param>
/// <param name="Reason">One sentence.</param>
internal sealed record LinkLost(long Epoch, string What, string Reason) : IEpochReport;
