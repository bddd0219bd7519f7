using Akka.Actor;
using Pipeline.Core.Data;
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
/// <param name="Run">The run's secret.</param>
/// <param name="Number">The node's own in the run.</param>
/// <param name="Job">The job file as resolved.</param>
/// <param name="Folder">Where it lies: what the data's paths are relative to.</param>
/// <param name="Schedule">Its name.</param>
/// <param name="Rows">Its rows, as text.</param>
/// <param name="Files">The data as the run has frozen them.</param>
/// <param name="ModelHash">Of the model's layers and parameters.</param>
/// <param name="Checkpoint">The folder that the run continues from; null when it starts anew.</param>
/// <param name="Probe">A file that the submitter has made where the run directory will be.</param>
/// <param name="Devices">By worker; none where the node is to be a spare, which is ready for any.</param>
/// <param name="Tokenizer">Its name, which has a tokenizer file's hash.</param>
internal sealed record PrepareRun(
    Guid Run,
    int Number,
    string Job,
    string Architecture,
    string Folder,
    string Schedule,
    string Rows,
    IReadOnlyList<DataFile> Files,
    int Vocabulary,
    string ModelHash,
    string? Checkpoint,
    string Probe,
    IReadOnlyDictionary<int, string> Devices,
    string? Tokenizer = null) : IControlMessage;

/// <param name="Host">Stands for the run on the node.</param>
/// <param name="Plane">Where the node listens for links.</param>
internal sealed record RunPrepared(IActorRef Host, PlaneAddress Plane) : IControlMessage;

/// <param name="Reason">One sentence.</param>
internal sealed record RunRefused(string Reason) : IControlMessage;

/// <summary>From the node's own process, at its end: end the stages of all runs; answered with <see cref="RunsEnded"/>.</summary>
internal sealed record EndRuns;

internal sealed record RunsEnded;
