using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Replicas;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>Holds the workers of a run that live in one process, for one epoch: starts them, links them to the others, tells what they are doing, and ends
/// them. It never computes, so it answers while every stage is inside an operator.</summary>
internal sealed class StageHostActor : ReceiveActor
{
    /// <summary>Generous: the other processes of the run may still be starting.</summary>
    private static readonly TimeSpan LinkLimit = TimeSpan.FromSeconds(30);

    private readonly StageHostSetup setup;
    private readonly Fence fence = new();
    private readonly Dictionary<int, IActorRef> workers = [];
    private readonly Dictionary<int, IActorRef> rings = [];   // by worker; none where there is one replica
    private readonly Dictionary<int, StageStatus> statuses = [];
    private readonly HashSet<IActorRef> quiet = [];
    private bool areEnded;   // have been told so
    private Action stopLinking = () => { };
    private bool isLinking;
    private IReadOnlyDictionary<int, ITensorLink?[]> links = new Dictionary<int, ITensorLink?[]>();
    private IActorRef coordinator = ActorRefs.Nobody;
    private SnapshotExchange? snapshots;
    private IActorRef? ending;

    private IEnumerable<IActorRef> Actors => workers.Values.Concat(rings.Values);

    public StageHostActor(StageHostSetup setup)
    {
        this.setup = setup;
        Receive<StartStages>(Start);
        Receive<Linked>(StartWorkers);
        Receive<DescribeStages>(_ => Sender.Tell(new StagesDescribed([.. statuses.Select(entry => Describe(entry.Key, entry.Value))])));
        Receive<EndStages>(message => End(message.Epoch, Sender));
        Receive<StageQuiet>(_ =>
        {
            quiet.Add(Sender);
            EndQuiet();
        });
        Receive<Terminated>(Ended);
    }

    public static Props Props(StageHostSetup setup) =>
        Akka.Actor.Props.Create(() => new StageHostActor(setup)).WithDispatcher("coordinator-dispatcher");

    /// <summary>A restart would come back with fresh weights.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PostStop()
    {
        Close(links.Values);
        snapshots?.Close();
    }

    private void Start(StartStages message)
    {
        coordinator = message.Coordinator;
        fence.Raise(message.Epoch);
        var credits = Credits.Of(setup.Plan.Schedule);
        foreach (var (worker, device) in setup.Devices)
        {
            statuses.Add(worker, new());
            if (setup.Plan.Workers.Replicas > 1)
            {
                rings.Add(worker, Context.Watch(Context.ActorOf(RingActor.Props(new(setup.Plan, worker, device, ReportOf(worker))), $"ring-{worker}")));
            }

            var stage = new StageSetup(
                setup.Plan, worker, credits, device, setup.CreateExecutor, statuses[worker], fence, rings.GetValueOrDefault(worker),
                StageFaults.Of(message.Faults, worker, setup.Plan.Workers));
            workers.Add(worker, Context.Watch(Context.ActorOf(StageActor.Props(stage), $"worker-{worker}")));
            setup.Process?.Workers.Add(worker, workers[worker]);
        }

        if (setup.Process is { } process)
        {
            snapshots = new(message, process, setup.Plan.MostStateBytes, lost => process.Report(setup.Devices.Keys.FirstOrDefault(), lost));
        }

        var linking = new CancellationTokenSource();
        (stopLinking, isLinking) = (linking.Cancel, true);
        _ = LinkAsync(message, linking.Token).PipeTo(
            Self,
            success: table => new Linked(message, table, null),
            failure: failure => new Linked(message, links, FailureSentence.Of(failure)));
    }

    /// <summary>For each of this process's workers its links by the other worker's number. Ends when all snapshots that they begin with are here too.</summary>
    private async Task<IReadOnlyDictionary<int, ITensorLink?[]>> LinkAsync(StartStages message, CancellationToken cancellation)
    {
        var table = workers.Keys.ToDictionary(worker => worker, _ => new ITensorLink?[setup.Plan.Workers.Count]);
        var remote = new List<Task>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LinkLimit);
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
                remote.Add(LinkAsync(message, low, high, here, table, limit.Token));
            }
        }

        try
        {
            await Task.WhenAll(remote.Append(snapshots?.OpenAsync(limit.Token, cancellation) ?? Task.CompletedTask));
            return table;
        }
        catch
        {
            Close(table.Values);
            throw;
        }
    }

    private async Task LinkAsync(
        StartStages message, int low, int high, IActorRef end, Dictionary<int, ITensorLink?[]> table, CancellationToken cancellation)
    {
        var (plane, name) = (setup.Process!.Plane, new LinkName(setup.Process.Run, message.Epoch, low, high));
        var (here, peer) = table.ContainsKey(low) ? (low, high) : (high, low);
        var (report, names) = (ReportOf(here), setup.Plan.Workers);
        var receiver = new MailboxReceiver(
            end, (lost, reason) => report(new LinkLost(message.Epoch, $"{names.NameOf(here)} has lost its link to {names.NameOf(lost)}", reason)));
        table[here][peer] = here == low
            ? await plane.DialAsync(message.Hosts.First(host => host.Number == message.Seats[high].Host).Address!, name, receiver, cancellation)
            : await plane.AcceptAsync(name, receiver, cancellation);
    }

    private void StartWorkers(Linked message)
    {
        isLinking = false;
        if (ending is not null)
        {
            Close(message.Links.Values);
            StopWhenEmpty();
            return;
        }

        if (message.Problem is { } problem)
        {
            var worker = setup.Devices.Keys.FirstOrDefault();
            ReportOf(worker)(new LinkLost(message.Start.Epoch, $"{setup.Plan.Workers.NameOf(worker)} has not been linked to the others", problem));
            return;
        }

        links = message.Links;
        foreach (var (worker, ring) in rings)
        {
            ring.Tell(new StartRing(message.Start.Epoch, message.Start.Step, links[worker][setup.Plan.Workers.Next(worker)]!));
        }

        foreach (var (worker, row) in links)
        {
            var (start, report) = (message.Start, ReportOf(worker));
            var from = start.Sources is null ? null : setup.Process!.Snapshots.Find(worker, start.Step);
            workers[worker].Tell(new StartStage(start.Epoch, start.Step, row, report, from, snapshots is null ? Forget : snapshots.Keep));
        }
    }

    /// <summary>In a run of one process nobody could go on from a snapshot.</summary>
    private static void Forget(Snapshot snapshot) => snapshot.Dispose();

    private Action<IControlMessage> ReportOf(int worker)
    {
        var local = coordinator;
        return setup.Process is { } process ? report => process.Report(worker, report) : report => local.Tell(report);
    }

    private static StageDescription Describe(int worker, StageStatus status) =>
        new(worker, status.ToString(), Stopwatch.GetElapsedTime(status.Since).TotalSeconds);

    /// <summary>In two rounds, so that no frame is lost with its tensors: when every worker has fallen quiet, all frames of this process are
    /// in mailboxes, and a worker's end, which comes behind them, finds none.</summary>
    private void End(long epoch, IActorRef asker)
    {
        if (ending is not null)
        {
            return;
        }

        ending = asker;
        stopLinking();
        fence.Raise(epoch);
        foreach (var actor in Actors)
        {
            actor.Tell(new Quieten(epoch));
        }

        StopWhenEmpty();
    }

    private void EndQuiet()
    {
        if (!areEnded && Actors.All(quiet.Contains))
        {
            areEnded = true;
            Close(links.Values);
            foreach (var actor in Actors)
            {
                actor.Tell(PoisonPill.Instance);
            }
        }
    }

    private void Ended(Terminated message)
    {
        var ended = rings.ContainsValue(message.ActorRef) ? rings : workers;
        var worker = ended.First(entry => entry.Value.Equals(message.ActorRef)).Key;
        ended.Remove(worker);
        if (ending is null)
        {
            ReportOf(worker)(new StageFailed(fence.Epoch, worker, statuses[worker].ToString(), "It ended unexpectedly."));
        }
        else
        {
            EndQuiet();
        }

        StopWhenEmpty();
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
            link?.Abandon();
        }
    }

    /// <param name="Links">For each worker of this process its links, by the other worker's number.</param>
    /// <param name="Problem">Why there are none; null when there are.</param>
    private sealed record Linked(StartStages Start, IReadOnlyDictionary<int, ITensorLink?[]> Links, string? Problem);
}
