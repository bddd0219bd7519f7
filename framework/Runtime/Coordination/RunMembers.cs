using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>The processes of a run, and the coordinator's lines to them.</summary>
/// <param name="run">The run's secret.</param>
/// <param name="plane">The coordinator's end of the tensor plane; null where all of the run is in its process.</param>
/// <param name="nodes">Finds more; null where there can be none.</param>
/// <param name="spares">So many are wanted that have no worker.</param>
/// <param name="node">The name of the coordinator's node.</param>
/// <param name="firstNumber">No process of the run has had this or a greater one.</param>
internal sealed class RunMembers(Guid run, ITensorPlane? plane, IRunNodes? nodes, int spares, string node = "", int firstNumber = 0)
{
    private const int ClockProbes = 8;

    private readonly List<RunHost> all = [];
    private readonly Dictionary<int, RunHost> joining = [];   // not tied yet, by number
    private IActorContext? context;
    private IActorRef self = ActorRefs.Nobody;
    private int nextNumber = firstNumber;
    private long epoch;
    private bool isSeeking;

    /// <summary>The run's secret.</summary>
    public Guid Run => run;

    /// <summary>Those that have a line, where there are lines.</summary>
    public IReadOnlyList<RunHost> All => all;

    /// <summary>All of the run is in one process.</summary>
    public bool HasNoLines => plane is null;

    public bool AreTied => joining.Count == 0;

    /// <summary>Some have not ended their stages yet.</summary>
    public bool AreAwaited => all.Any(host => host.IsAwaited);

    /// <summary>Some leave, and no process stays that workers could be placed on.</summary>
    public bool AllLeave => all.Exists(host => host.IsLeaving) && all.TrueForAll(host => host.IsLeaving || host.Devices.Count == 0);

    /// <summary>What workers can be placed on: those first that have been there longest. Where all leave they have the workers to the run's end.</summary>
    public IReadOnlyList<(int Number, IReadOnlyList<string> Devices)> Offers => [.. all.Select(host => (host.Number, host.IsLeaving && !AllLeave ? [] : host.Devices))];

    public IReadOnlyList<RunHost> Leaving => [.. all.Where(host => host.IsLeaving)];

    public RunHost? Find(int number) => all.Find(host => host.Number == number) ?? joining.GetValueOrDefault(number);

    public RunHost? Find(IActorRef actor) => all.Find(host => host.Actor.Equals(actor)) ?? joining.Values.FirstOrDefault(host => host.Actor.Equals(actor));

    /// <param name="owner">The coordinator.</param>
    /// <param name="next">The epoch that will be next.</param>
    public void Add(PreparedHost prepared, IActorContext owner, long next)
    {
        if (context is null)
        {
            nodes?.Watch(owner);
        }

        (context, self, epoch, nextNumber) = (owner, owner.Self, next, Math.Max(nextNumber, prepared.Number + 1));
        var host = new RunHost(prepared);
        owner.Watch(host.Actor);
        if (plane is null)
        {
            all.Add(host);
            return;
        }

        joining.Add(prepared.Number, host);
        host.Actor.Tell(new MeetCoordinator(next, node), self);
        var (coordinator, number) = (self, prepared.Number);
        var line = new ControlLine(
            new((ExtendedActorSystem)owner.System), (_, report) => coordinator.Tell(report), reason => coordinator.Tell(new HostLost(number, reason)));
        host.DialAsync(plane, new(run, next, LinkName.Coordinator, LinkName.OfHost(number)), line).PipeTo(
            self,
            success: link => new HostTied(number, line, link),
            failure: failure => new HostLost(number, FailureSentence.Of(failure)));
    }

    /// <returns>False where it was lost meanwhile.</returns>
    public bool Tie(HostTied message)
    {
        if (!joining.Remove(message.Host, out var host))
        {
            message.Link.Abandon();
            return false;
        }

        host.Tie(message.Line, message.Link);
        all.Add(host);
        all.Sort((one, other) => one.Number.CompareTo(other.Number));
        return true;
    }

    /// <summary>Whoever is told so counts no more, and ends if it is not the one that has gone.</summary>
    public void Remove(RunHost host)
    {
        context!.Unwatch(host.Actor);
        host.Close(atOnce: !host.IsLeaving);
        all.Remove(host);
        joining.Remove(host.Number);
    }

    /// <summary>Of what is lost nothing is to be waited for.</summary>
    public void Expel(RunHost host)
    {
        Remove(host);
        nodes?.Expel(host.Actor);
    }

    /// <summary>No worker is placed there any more.</summary>
    /// <returns>False where there is no other place.</returns>
    public bool Withdraw(Seat seat) => Offers.Any(offer => offer.Devices.Any(device => new Seat(offer.Number, device) != seat)) && Find(seat.Host)!.Withdraw(seat.Device);

    /// <summary>There may be others some time.</summary>
    public bool CanGrow => nodes is not null;

    public void Pause(long newest, IActorRef coordinator)
    {
        epoch = newest;
        foreach (var host in all)
        {
            (host.IsAwaited, host.Held) = (true, []);
            host.Tell(new PauseStages(newest), coordinator);
        }
    }

    public void TellHosts(IControlMessage message, IActorRef coordinator)
    {
        foreach (var host in all)
        {
            host.HasPart |= message is StartStages;
            host.Tell(message, coordinator);
        }
    }

    public void TellAll(IReadOnlyList<Seat> seats, IControlMessage message)
    {
        for (var worker = 0; worker < seats.Count; worker++)
        {
            Find(seats[worker].Host)?.Tell(worker, message);
        }
    }

    public void ReadClocks(IActorRef coordinator)
    {
        foreach (var host in all)
        {
            for (var probe = 0; probe < ClockProbes; probe++)
            {
                host.Tell(new ReadClock(host.Number, Stopwatch.GetTimestamp()), coordinator);
            }
        }
    }

    public WorkerPlace Place(Seat seat) => Find(seat.Host) is { } host ? new(host.Node, host.Process, seat.Device) : new("?", 0, seat.Device);

    /// <summary>Looks for another process where workers share devices, or a spare is missing. <see cref="HostJoined"/> tells what came of it.</summary>
    /// <param name="isPinned">Workers that share a device are to.</param>
    /// <returns>It looks for one.</returns>
    public bool Seek(IReadOnlyList<Seat> seats, bool isPinned)
    {
        if (isSeeking || joining.Count > 0)
        {
            return true;
        }

        var idle = all.Count(host => seats.All(seat => seat.Host != host.Number));
        if (nodes is null || context is null || (idle >= spares && !AllLeave && (isPinned || !Seating.IsCrowded(seats))))
        {
            return false;
        }

        isSeeking = true;
        nodes.FindAsync(nextNumber++, [.. all.Select(host => host.Actor)]).PipeTo(
            self, success: found => new HostJoined(found), failure: failure => new HostJoined(null, (failure as BadInputException)?.Message));
        return true;
    }

    public void Joined(HostJoined message)
    {
        isSeeking = false;
        if (message.Host is { } prepared)
        {
            Add(prepared, context!, epoch);
        }
    }

    public void Close()
    {
        foreach (var host in all.Concat(joining.Values))
        {
            host.Close(atOnce: false);
        }
    }
}
