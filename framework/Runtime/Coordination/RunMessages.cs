using Akka.Actor;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>Start the stages and train.</summary>
/// <param name="Run">The run's secret.</param>
/// <param name="Plane">This process's end of the tensor plane; null where all workers are in this process.</param>
internal sealed record StartRun(Guid Run, IReadOnlyList<HostedWorkers> Hosts, ITensorPlane? Plane);

/// <summary>A process that is ready to start its workers.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Address">Where it listens for links; null where all workers are in one process.</param>
internal sealed record HostedWorkers(IActorRef Host, string Node, IReadOnlyList<int> Workers, PlaneAddress? Address);

/// <summary>End the run cleanly after the step under way.</summary>
internal sealed class StopRun
{
    public static readonly StopRun Instance = new();
}

/// <summary>Time to look whether the stages still move.</summary>
internal sealed class LookForStall
{
    public static readonly LookForStall Instance = new();
}

/// <summary>End the stages; answered with <see cref="RunEnded"/>.</summary>
internal sealed class EndRun
{
    public static readonly EndRun Instance = new();
}

internal sealed class RunEnded
{
    public static readonly RunEnded Instance = new();
}
