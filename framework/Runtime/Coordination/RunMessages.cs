using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>Start the stages and train.</summary>
/// <param name="Hosts">The processes that the run begins with.</param>
/// <param name="Seats">By worker.</param>
/// <param name="TakenOver">From another coordinator; null where the run begins.</param>
internal sealed record StartRun(IReadOnlyList<PreparedHost> Hosts, IReadOnlyList<Seat> Seats, TakenOver? TakenOver = null);

/// <summary>A run that another coordinator had.</summary>
/// <param name="Epoch">The newest that any of its processes has heard of.</param>
/// <param name="Began">When the run did.</param>
/// <param name="Reason">From where to where, as a sentence without its end.</param>
internal sealed record TakenOver(long Epoch, DateTimeOffset Began, string Reason);

/// <summary>The coordinator's line to a process is there.</summary>
internal sealed record HostTied(int Host, ControlLine Line, ITensorLink Link);

/// <summary>A process of the run is gone, or was not there.</summary>
internal sealed record HostLost(int Host, string Reason);

/// <summary>Another process is ready to take part, or none was found.</summary>
/// <param name="Refusal">Why one does not take part, in one sentence; there may be others.</param>
internal sealed record HostJoined(PreparedHost? Host, string? Refusal = null);

/// <summary>All processes of the run leave, and no other has been found for so long.</summary>
internal sealed record NobodyStays;

/// <summary>End the run cleanly after the step under way.</summary>
internal sealed class StopRun
{
    public static readonly StopRun Instance = new();
}

/// <summary>Leave the run to another coordinator, behind the step under way: the outcome is cancelled then.</summary>
internal sealed class AbandonRun
{
    public static readonly AbandonRun Instance = new();
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
