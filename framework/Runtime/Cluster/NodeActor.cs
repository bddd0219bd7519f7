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
    private readonly List<PrepareRun> preparing = [];   // they have their devices already
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
        Receive<NotOpened>(message =>
        {
            preparing.Remove(message.Asked);
            Sender.Tell(message.Answer);
        });
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
        Devices = [.. description.Devices.Select(device => device with { Runs = [.. Taken(device.Name, Guid.Empty)] })],
        Refused = refused(),
    };

    /// <summary>What has a device, in words.</summary>
    /// <param name="except">A run that is not asked about.</param>
    private IEnumerable<string> Taken(string device, Guid except) =>
    [
        .. runs.Values.Where(run => run.Submitted.Run != except).SelectMany(run => run.On(device)),
        .. preparing.Where(run => run.Submitted.Run != except && Wanted(run).Contains(device)).Select(run => $"{run.Submitted.Name}: being prepared"),
        .. ending is null ? Array.Empty<string>() : ["the node's end"],
    ];

    /// <summary>Any of what is lent may be used at once where it is a spare.</summary>
    private static IEnumerable<string> Wanted(PrepareRun message) => message.Devices.Count == 0 ? message.Lends : message.Devices.Values;

    /// <summary>Reading and hashing data takes long, so it happens beside the mailbox.</summary>
    private void Prepare(PrepareRun message)
    {
        if (Refusal(message) is { } refusal)
        {
            Sender.Tell(refusal);
            return;
        }

        var self = Self;
        preparing.Add(message);
        Task.Run(() => new NodeRun(message, architectures)).PipeTo(
            self,
            Sender,
            opened => new Opened(message, opened),
            failure => new NotOpened(message, new RunRefused(failure is BadInputException ? failure.Message : FailureSentence.Of(failure))));
    }

    private RunRefused? Refusal(PrepareRun message)
    {
        string[] wanted = [.. message.Devices.Values.Union(message.Lends)];
        return wanted.FirstOrDefault(device => !description.Devices.Any(own => own.Name == device)) is { } missing ? new($"there is no device {missing} here.")
            : wanted.Select(device => (device, By: Taken(device, message.Submitted.Run).FirstOrDefault())).FirstOrDefault(place => place.By is not null) is { By: { } by } place
                ? new($"its {place.device} is taken by {by}.", IsBusy: true)
            : null;
    }

    private void Host(Opened message)
    {
        var run = message.Run;
        preparing.Remove(message.Asked);
        if (ending is not null)
        {
            run.Dispose();
            Sender.Tell(new RunRefused("it is ending.", IsBusy: true));
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

    private sealed record Opened(PrepareRun Asked, NodeRun Run);

    private sealed record NotOpened(PrepareRun Asked, RunRefused Answer);
}
