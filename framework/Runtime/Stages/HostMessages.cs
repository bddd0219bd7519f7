using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

// From the coordinator to the host of a process's workers.

/// <summary>Start this process's workers and link them to the others.</summary>
/// <param name="Step">The last step that the stages are to hold.</param>
/// <param name="Run">The run's secret: who does not know it gets no link.</param>
/// <param name="Addresses">By worker, where its process listens for links; null where all are in one process.</param>
/// <param name="Faults">What is to go wrong in the run, for drills, as <see cref="Core.Faults.Fault.Parse"/> reads it; null: nothing.</param>
internal sealed record StartStages(
    long Epoch, long Step, Guid Run, IReadOnlyList<PlaneAddress?> Addresses, IActorRef Coordinator, IReadOnlyList<string>? Faults = null) : IControlMessage;

/// <summary>Say what the workers are doing; answered with <see cref="StagesDescribed"/>.</summary>
internal sealed record DescribeStages : IControlMessage;

/// <summary>Say what your clock shows; answered with <see cref="ClockRead"/>.</summary>
/// <param name="AskedAt">Stopwatch ticks of the asker.</param>
internal sealed record ReadClock(int Host, long AskedAt) : IControlMessage;

/// <summary>End the workers and the host; answered with <see cref="StagesEnded"/>.</summary>
/// <param name="Epoch">A newer one: what is under way counts no more.</param>
internal sealed record EndStages(long Epoch) : IControlMessage;

// From a host to the coordinator.

internal sealed record StagesDescribed(IReadOnlyList<StageDescription> Workers) : IControlMessage;

/// <param name="Doing">Such as <c>running 1F3</c> or <c>waiting in 0B2 for the gradient of micro-batch 2 of step 7</c>.</param>
/// <param name="Seconds">Since when.</param>
internal sealed record StageDescription(int Worker, string Doing, double Seconds);

/// <param name="Ticks">Of the host's Stopwatch.</param>
internal sealed record ClockRead(int Host, long AskedAt, long Ticks) : IControlMessage;

internal sealed record StagesEnded : IControlMessage;

/// <summary>A worker of this process hears nothing more from a peer.</summary>
internal sealed record LinkLost(long Epoch, int Worker, int Peer, string Reason) : IControlMessage;
