using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>Offers a process's devices to the cluster: says what there is, opens what a run needs, and keeps account of which run has what.</summary>
internal sealed class NodeActor : ReceiveActor
{
    private readonly NodeDescription description;
    private readonly IReadOnlyList<IArchitecture> architectures;
    private readonly ITensorPlane plane;
    private readonly Func<IReadOnlyDictionary<string, long>> refused;
    private readonly Dictionary<IActorRef, NodeRun> runs = [];
    private IActorRef? ending;

    /// <param name="description">With all devices free.</param>
    /// <param name="refused">What the process has refused so far, by reason.</param>
    public NodeActor(NodeDescription description, IReadOnlyList<IArchitecture> architectures, ITensorPlane plane, Func<IReadOnlyDictionary<string, long>> refused)
    {
        this.refused = refused;
        this.description = description;
        this.architectures = architectures;
        this.plane = plane;
        Receive<DescribeNode>(_ => Sender.Tell(Describe()));
        Receive<PrepareRun>(Prepare);
        Receive<Opened>(Host);
        Receive<RunRefused>(refusal => Sender.Tell(refusal));
        Receive<ListRuns>(_ => Sender.Tell(new HeldRuns([.. runs.Select(run => run.Value.Held(run.Key, description, plane.Address))])));
        Receive<DescribeRun>(message => Sender.Tell(
            (object?)runs.Values.FirstOrDefault(run => run.Submitted.Run == message.Run)?.Submitted ?? new RunRefused("it has no part in the run.")));
        Receive<EndRuns>(_ => End());
        Receive<Terminated>(ended =>
        {
            runs.Remove(ended.ActorRef, out var run);
            run!.Dispose();
            AnswerWhenEnded();
        });
    }

    /// <summary>The actor's name: the one place that other processes may address by its path.</summary>
    public const string Name = "node";

    public static Props Props(
        NodeDescription description, IReadOnlyList<IArchitecture> architectures, ITensorPlane plane, Func<IReadOnlyDictionary<string, long>> refused) =>
        Akka.Actor.Props.Create(() => new NodeActor(description, architectures, plane, refused));

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PreStart() => Context.ActorOf(FrameReaper.Props());

    protected override void PostStop()
    {
        foreach (var run in runs.Values)
        {
            run.Dispose();
        }
    }

    private NodeDescription Describe() => description with
    {
        Devices = [.. description.Devices.Select(device => device with { Runs = [.. runs.Values.SelectMany(run => run.On(device.Name))] })],
        Refused = refused(),
    };

    /// <summary>Reading and hashing data takes long, so it happens beside the mailbox.</summary>
    private void Prepare(PrepareRun message)
    {
        var self = Self;
        Task.Run(() => new NodeRun(message, architectures)).PipeTo(
            self,
            Sender,
            opened => new Opened(opened),
            failure => new RunRefused(failure is BadInputException ? failure.Message : FailureSentence.Of(failure)));
    }

    private void Host(Opened message)
    {
        var run = message.Run;
        if (ending is not null)
        {
            run.Dispose();
            Sender.Tell(new RunRefused("it is ending."));
            return;
        }

        if (run.Devices.FirstOrDefault(device => !description.Devices.Any(own => own.Name == device.Value)) is { Value: { } missing })
        {
            run.Dispose();
            Sender.Tell(new RunRefused($"there is no device {missing} here."));
            return;
        }

        var host = Context.Watch(Context.ActorOf(RunHostActor.Props(run.Setup(plane))));
        runs.Add(host, run);
        Sender.Tell(new RunPrepared(host, plane.Address));
    }

    private void End()
    {
        ending = Sender;
        foreach (var host in runs.Keys)
        {
            host.Tell(new LeaveRun());
        }

        AnswerWhenEnded();
    }

    private void AnswerWhenEnded()
    {
        if (runs.Count == 0)
        {
            ending?.Tell(new RunsEnded());
        }
    }

    private sealed record Opened(NodeRun Run);
}
