using Akka.Actor;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Cluster;

/// <summary>To a node: say what you are; answered with <see cref="NodeDescription"/>.</summary>
internal sealed record DescribeNode : IControlMessage;

/// <summary>A node of the cluster.</summary>
/// <param name="Name">Unique in the cluster.</param>
/// <param name="Address">HOST:PORT of its control connection.</param>
/// <param name="Process">Its id on its host.</param>
/// <param name="Software">Must be the same on all nodes of a run.</param>
/// <param name="Architectures">The model families that it knows.</param>
/// <param name="Refused">Connections, messages and frames that it has refused since it started, by reason.</param>
public sealed record NodeDescription(
    string Name,
    string Address,
    int Process,
    NodeSoftware Software,
    IReadOnlyList<string> Architectures,
    int Cores,
    IReadOnlyList<NodeDevice> Devices,
    IReadOnlyDictionary<string, long> Refused) : IControlMessage;

/// <param name="Name">cpu, or cuda:N.</param>
/// <param name="Memory">Bytes that it has; 0 where that is not known.</param>
/// <param name="Runs">What it holds stages of, such as <c>quickstart: stage 1</c>.</param>
public sealed record NodeDevice(string Name, long Memory, IReadOnlyList<string> Runs);

/// <summary>To a node: open what a run needs and be ready to start workers; answered with <see cref="RunPrepared"/> or <see cref="RunRefused"/>.</summary>
/// <param name="Number">The node's own in the run.</param>
/// <param name="Probe">A file that the coordinator has made beside the run directory.</param>
/// <param name="Devices">By worker; none where the node is to be a spare, which is ready for any.</param>
/// <param name="Lends">Devices that any worker of the run may be placed on.</param>
internal sealed record PrepareRun(
    SubmittedRun Submitted, int Number, string Probe, IReadOnlyDictionary<int, string> Devices, IReadOnlyList<string> Lends) : IControlMessage;

/// <param name="Host">Stands for the run on the node.</param>
/// <param name="Plane">Where the node listens for links.</param>
internal sealed record RunPrepared(IActorRef Host, PlaneAddress Plane) : IControlMessage;

/// <param name="Reason">One sentence.</param>
/// <param name="IsBusy">It may take part another time.</param>
internal sealed record RunRefused(string Reason, bool IsBusy = false) : IControlMessage;

/// <summary>To a node: say what runs it has a part in; answered with <see cref="HeldRuns"/>.</summary>
internal sealed record ListRuns : IControlMessage;

internal sealed record HeldRuns(IReadOnlyList<HeldRun> Runs) : IControlMessage;

/// <summary>A node's part in a run.</summary>
/// <param name="Run">The run's secret.</param>
/// <param name="Number">The node's own in the run.</param>
/// <param name="Host">Stands for the run on the node.</param>
/// <param name="Node">The node's name.</param>
/// <param name="Process">Its id on its machine.</param>
/// <param name="Devices">That it lends to the run.</param>
/// <param name="Plane">Where the node listens for links.</param>
internal sealed record HeldRun(Guid Run, int Number, IActorRef Host, string Node, int Process, IReadOnlyList<string> Devices, PlaneAddress Plane);

/// <summary>To a node: say what a run is that it has a part in; answered with <see cref="SubmittedRun"/>.</summary>
internal sealed record DescribeRun(Guid Run) : IControlMessage;

/// <summary>From the node's own process, at its end: end the stages of all runs; answered with <see cref="RunsEnded"/>.</summary>
internal sealed record EndRuns;

internal sealed record RunsEnded;
