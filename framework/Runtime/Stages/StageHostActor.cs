using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Replicas;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>Holds the workers of a run that live in one process: starts them, links them to the others, tells what they are doing, and ends
/// them, also when the coordinator is gone. It never computes, so it answers while every stage is inside an operator.</summary>
internal sealed class StageHostActor : ReceiveActor
{
    /// <summary>Generous: the other processes of the run may still be starting.</summary>
    private static readonly TimeSpan LinkLimit = TimeSpan.FromSeconds(30);

    /// <summary>Whoever had this host made and never starts it must not keep its devices.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    private readonly StageHostSetup setup;
    private readonly Fence fence = new();
    private readonly Dictionary<int, IActorRef> workers = [];
    private readonly Dictionary<int, IActorRef> rings = [];   // by worker; none where there is one replica
    private readonly Dictionary<int, StageStatus> statuses = [];
    private int quiet;
    private Action stopLinking = () => { };
    private bool isLinking;
    private IReadOnlyDictionary<int, ITensorLink?[]> links = new Dictionary<int, ITensorLink?[]>();
    private IActorRef coordinator = ActorRefs.Nobody;
    private ITensorLink? control;
    private IActorRef? ending;

    private IEnumerable<IActorRef> Actors => workers.Values.Concat(rings.Values);

    public StageHostActor(StageHostSetup setup)
    {
        this.setup = setup;
        Context.SetReceiveTimeout(StartLimit);
        Receive<ReceiveTimeout>(_ => Context.Stop(Self));
        Receive<StartStages>(Start);
        Receive<Linked>(StartWorkers);
        Receive<DescribeStages>(_ => Sender.Tell(new StagesDescribed([.. statuses.Select(entry => Describe(entry.Key, entry.Value))])));
        Receive<ReadClock>(message => Sender.Tell(new ClockRead(message.Host, message.AskedAt, Stopwatch.GetTimestamp())));
        Receive<EndStages>(message => End(message.Epoch, Sender));
        Receive<StageQuiet>(_ => Quiet());
        Receive<Terminated>(Ended);
        Receive<CoordinatorLost>(_ => EndWithoutCoordinator());
    }

    public static Props Props(StageHostSetup setup) =>
        Akka.Actor.Props.Create(() => new StageHostActor(setup)).WithDispatcher("coordinator-dispatcher");

    /// <summary>A restart would come back with fresh weights.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PostStop()
    {
        Close(links.Values);
        control?.Dispose();
    }

    private void Start(StartStages message)
    {
        Context.SetReceiveTimeout(null);
        coordinator = Context.Watch(message.Coordinator);
        fence.Raise(message.Epoch);
        var credits = Credits.Of(setup.Plan.Schedule);
        foreach (var (worker, device) in setup.Devices)
        {
            statuses.Add(worker, new());
            if (setup.Plan.Workers.Replicas > 1)
            {
                rings.Add(worker, Context.Watch(Context.ActorOf(RingActor.Props(new(setup.Plan, worker, device, message.Coordinator)), $"ring-{worker}")));
            }

            var stage = new StageSetup(
                setup.Plan, worker, credits, device, setup.CreateExecutor, statuses[worker], fence, rings.GetValueOrDefault(worker),
                StageFaults.Of(message.Faults, worker, setup.Plan.Workers));
            workers.Add(worker, Context.Watch(Context.ActorOf(StageActor.Props(stage), $"worker-{worker}")));
        }

        var linking = new CancellationTokenSource();
        (stopLinking, isLinking) = (linking.Cancel, true);
        _ = LinkAsync(message, linking.Token).PipeTo(
            Self,
            success: made => new Linked(message, made.Table, made.Control, null),
            failure: failure => new Linked(message, links, null, FailureSentence.Of(failure)));
    }

    /// <summary>For each of this process's workers its links by the other worker's number.</summary>
    private async Task<(IReadOnlyDictionary<int, ITensorLink?[]> Table, Control? Control)> LinkAsync(StartStages message, CancellationToken cancellation)
    {
        var table = workers.Keys.ToDictionary(worker => worker, _ => new ITensorLink?[setup.Plan.Workers.Count]);
        var remote = new List<Task>();
        foreach (var (low, high) in setup.Plan.Links())
        {
            // Workers of different replicas have only the ring in common.
            var ends = setup.Plan.Workers.ReplicaOf(low) == setup.Plan.Workers.ReplicaOf(high) ? workers : rings;
            if (ends.TryGetValue(low, out var one) & ends.TryGetValue(high, out var other))
            {
                (table[low][high], table[high][low]) = (new InProcessLink(other!), new InProcessLink(one!));
            }
            else if ((one ?? other) is { } here)
            {
                remote.Add(LinkAsync(message, low, high, here, table, cancellation));
            }
        }

        var line = AwaitCoordinatorAsync(message, cancellation);
        try
        {
            await Task.WhenAll(remote);
            return (table, await line);
        }
        catch
        {
            Close(table.Values);
            throw;
        }
    }

    /// <summary>The coordinator's link to this process; null where it is in it.</summary>
    private async Task<Control?> AwaitCoordinatorAsync(StartStages message, CancellationToken cancellation)
    {
        var first = setup.Devices.Keys.Min();
        if (setup.Plane is null || message.Addresses[first] is null)
        {
            return null;
        }

        var (self, actors) = (Self, workers.ToDictionary());
        var line = new ControlLine(
            new((ExtendedActorSystem)Context.System), (worker, order) => actors[worker].Tell(order), _ => self.Tell(new CoordinatorLost()));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LinkLimit);
        return new(line, await setup.Plane.AcceptAsync(new(message.Run, message.Epoch, LinkName.Coordinator, first), line, limit.Token));
    }

    private async Task LinkAsync(
        StartStages message, int low, int high, IActorRef end, Dictionary<int, ITensorLink?[]> table, CancellationToken cancellation)
    {
        var (plane, name) = (setup.Plane!, new LinkName(message.Run, message.Epoch, low, high));
        var (here, peer) = table.ContainsKey(low) ? (low, high) : (high, low);
        var receiver = new MailboxReceiver(end, (lost, reason) => message.Coordinator.Tell(new LinkLost(message.Epoch, here, lost, reason)));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LinkLimit);
        table[here][peer] = here == low
            ? await plane.DialAsync(message.Addresses[high]!, name, receiver, limit.Token)
            : await plane.AcceptAsync(name, receiver, limit.Token);
    }

    private void StartWorkers(Linked message)
    {
        isLinking = false;
        if (ending is not null)
        {
            Close(message.Links.Values);
            message.Control?.Link.Dispose();
            StopWhenEmpty();
            return;
        }

        if (message.Problem is { } problem)
        {
            coordinator.Tell(new StageFailed(message.Start.Epoch, setup.Devices.Keys.First(), "being linked to the others", problem));
            return;
        }

        (links, control) = (message.Links, message.Control?.Link);
        foreach (var (worker, ring) in rings)
        {
            ring.Tell(new StartRing(message.Start.Epoch, message.Start.Step, links[worker][setup.Plan.Workers.Next(worker)]!));
        }

        foreach (var (worker, row) in links)
        {
            workers[worker].Tell(new StartStage(message.Start.Epoch, message.Start.Step, row, ReportOf(worker, message)));
        }
    }

    private static Action<IControlMessage> ReportOf(int worker, Linked message) => message.Control is { } control
        ? report => control.Line.Send(control.Link, message.Start.Epoch, worker, report)
        : report => message.Start.Coordinator.Tell(report);

    private static StageDescription Describe(int worker, StageStatus status) =>
        new(worker, status.ToString(), Stopwatch.GetElapsedTime(status.Since).TotalSeconds);

    /// <summary>In two rounds, so that no frame is lost with its tensors: when every worker has fallen quiet, all frames of this process are
    /// in mailboxes, and a worker's end, which comes behind them, finds none.</summary>
    private void End(long epoch, IActorRef asker)
    {
        ending = asker;
        stopLinking();
        fence.Raise(epoch);
        foreach (var actor in Actors)
        {
            actor.Tell(new Quieten(epoch));
        }

        StopWhenEmpty();
    }

    private void Quiet()
    {
        quiet++;
        if (quiet == Actors.Count())
        {
            Close(links.Values);
            foreach (var actor in Actors)
            {
                actor.Tell(PoisonPill.Instance);
            }
        }
    }

    private void Ended(Terminated message)
    {
        if (message.ActorRef.Equals(coordinator))
        {
            EndWithoutCoordinator();
            return;
        }

        var ended = rings.ContainsValue(message.ActorRef) ? rings : workers;
        var worker = ended.First(entry => entry.Value.Equals(message.ActorRef)).Key;
        ended.Remove(worker);
        if (ending is null)
        {
            coordinator.Tell(new StageFailed(fence.Epoch, worker, statuses[worker].ToString(), "It ended unexpectedly."));
        }

        StopWhenEmpty();
    }

    private void EndWithoutCoordinator()
    {
        if (ending is null)
        {
            End(fence.Epoch + 1, ActorRefs.Nobody);
        }
    }

    private void StopWhenEmpty()
    {
        if (ending is not null && !Actors.Any() && !isLinking)
        {
            ending.Tell(new StagesEnded());
            Context.Stop(Self);
        }
    }

    private static void Close(IEnumerable<ITensorLink?[]> rows)
    {
        foreach (var link in rows.SelectMany(row => row))
        {
            link?.Dispose();
        }
    }

    /// <param name="Links">For each worker of this process its links, by the other worker's number.</param>
    /// <param name="Problem">Why there are none; null when there are.</param>
    private sealed record Linked(StartStages Start, IReadOnlyDictionary<int, ITensorLink?[]> Links, Control? Control, string? Problem);

    private sealed record Control(ControlLine Line, ITensorLink Link);

    private sealed record CoordinatorLost;
}
