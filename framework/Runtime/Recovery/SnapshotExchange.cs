using System.Diagnostics;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Recovery;

/// <summary>A process's part in keeping snapshots in two places, in one epoch: a link to its buddy and links from those whose buddy it is; and, at the
/// epoch's beginning, links between processes that have a worker's snapshot and those that the worker has moved to.</summary>
/// <param name="mostBytes">That a worker's snapshot can have.</param>
/// <param name="lost">Told of a link that is lost: to which worker's process, and why.</param>
internal sealed class SnapshotExchange(StartStages start, RunProcess process, long mostBytes, Action<LinkLost> lost)
{
    private readonly int? buddy = Buddies.Of(start.Hosts).TryGetValue(process.Number, out var found) ? found : null;
    private readonly List<SnapshotReceiver> receivers = [];
    private readonly Dictionary<int, ITensorLink> outgoing = [];   // by the number of the other process
    private readonly List<ITensorLink> incoming = [];
    private readonly Dictionary<int, TaskCompletionSource> awaited = [];   // by worker that has moved here
    private readonly Lock gate = new();
    private readonly Dictionary<int, long> unacknowledged = [];   // the step of each worker's snapshot on its way

    /// <summary>Ends when all links are there, and all snapshots that workers of this process begin with.</summary>
    /// <param name="limit">For the links; a snapshot may take long, and whoever sends it is watched by its link.</param>
    public async Task OpenAsync(CancellationToken limit, CancellationToken stop)
    {
        foreach (var worker in Moved(target: process.Number))
        {
            awaited.Add(worker, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        await Task.WhenAll([.. Targets().Select(target => DialAsync(target, limit)), .. Sources().Select(source => AcceptAsync(source, limit))]);
        foreach (var worker in Enumerable.Range(0, start.Seats.Count).Where(worker => start.Sources?[worker] == process.Number && !IsHere(worker)))
        {
            Send(process.Snapshots.Find(worker, start.Step) ?? throw new IOException($"the snapshot of step {start.Step} is not here"), start.Seats[worker].Host);
        }

        await Task.WhenAll(awaited.Values.Select(one => one.Task)).WaitAsync(stop);
    }

    /// <summary>From a worker's thread: its snapshot is kept here and sent to the buddy, who tells when it has it whole.</summary>
    public void Keep(Snapshot snapshot)
    {
        var (worker, step) = (snapshot.Worker, snapshot.Step);
        lock (gate)
        {
            unacknowledged[worker] = step;
        }

        process.Snapshots.Add(snapshot);
        if (buddy is { } other)
        {
            Send(snapshot, other);
        }
        else
        {
            Acknowledged(worker);
        }
    }

    public void Close()
    {
        foreach (var link in outgoing.Values.Concat(incoming))
        {
            link.Abandon();
        }

        receivers.ForEach(receiver => receiver.Dispose());
    }

    private bool IsHere(int worker) => start.Seats[worker].Host == process.Number;

    /// <summary>Workers whose snapshot is in another process than they are from now on.</summary>
    private IEnumerable<int> Moved(int? source = null, int? target = null) => start.Sources is null ? [] : Enumerable.Range(0, start.Seats.Count).Where(worker =>
        start.Sources[worker] != start.Seats[worker].Host
        && (source is null || start.Sources[worker] == source) && (target is null || start.Seats[worker].Host == target));

    private IEnumerable<int> Targets() =>
        Moved(source: process.Number).Select(worker => start.Seats[worker].Host)
            .Concat(buddy is { } other && start.Seats.Any(seat => seat.Host == process.Number) ? [other] : []).Distinct();

    /// <summary>The others, by the same rule as each of them follows.</summary>
    private IEnumerable<int> Sources() =>
        Moved(target: process.Number).Select(worker => start.Sources![worker])
            .Concat(Buddies.Of(start.Hosts).Where(pair => pair.Value == process.Number && start.Seats.Any(seat => seat.Host == pair.Key)).Select(pair => pair.Key))
            .Distinct();

    private async Task DialAsync(int target, CancellationToken stop)
    {
        var address = start.Hosts.First(host => host.Number == target).Address!;
        var link = await process.Plane.DialAsync(address, Name(process.Number, target), new Sent(Acknowledged, reason => Lost(target, reason)), stop);
        lock (gate)
        {
            outgoing.Add(target, link);
        }
    }

    private async Task AcceptAsync(int source, CancellationToken stop)
    {
        var opened = new TaskCompletionSource<ITensorLink>(TaskCreationOptions.RunContinuationsAsynchronously);
        var workers = Moved(source, process.Number).Concat(Enumerable.Range(0, start.Seats.Count).Where(worker => start.Seats[worker].Host == source)).ToHashSet();
        var receiver = new SnapshotReceiver(workers, mostBytes, snapshot => Arrived(snapshot, opened.Task), reason => Lost(source, reason));
        lock (gate)
        {
            receivers.Add(receiver);
        }

        var link = await process.Plane.AcceptAsync(Name(source, process.Number), receiver, stop);
        lock (gate)
        {
            incoming.Add(link);
        }

        opened.SetResult(link);
    }

    private LinkName Name(int source, int target) => new(process.Run, start.Epoch, LinkName.OfHost(source), LinkName.OfHost(target));

    /// <summary>The store is asked under its own lock, and a snapshot lives on in the frames that have been made of it.</summary>
    private void Send(Snapshot snapshot, int target)
    {
        foreach (var frame in SnapshotFrames.Of(snapshot, start.Epoch, Stopwatch.GetTimestamp()))
        {
            outgoing[target].Send(frame);
        }
    }

    private void Arrived(Snapshot snapshot, Task<ITensorLink> link)
    {
        var worker = snapshot.Worker;
        process.Snapshots.Add(snapshot);
        if (IsHere(worker))
        {
            awaited.GetValueOrDefault(worker)?.TrySetResult();
        }
        else
        {
            link.ContinueWith(opened => opened.Result.Send(new Credit(start.Epoch, FrameKind.Snapshot, worker)), TaskScheduler.Default);
        }
    }

    private void Acknowledged(int worker)
    {
        long step;
        lock (gate)
        {
            if (!unacknowledged.Remove(worker, out step))
            {
                return;
            }
        }

        process.Report(worker, new SnapshotKept(start.Epoch, step, worker));
    }

    private void Lost(int other, string reason)
    {
        var hasGiven = start.Hosts.First(host => host.Number == other).IsLeaving && awaited.Values.All(one => one.Task.IsCompleted);
        if (!hasGiven)
        {
            lost(new(start.Epoch, $"process {process.Number} has lost its link for snapshots to process {other}", reason));
        }
    }

    /// <summary>The sending end of a link.</summary>
    private sealed class Sent(Action<int> acknowledged, Action<string> lost) : ILinkReceiver
    {
        public void Receive(Frame frame)
        {
            frame.Dispose();
            throw new InvalidDataException($"{frame.Key} came where snapshots are sent");
        }

        public void Receive(Credit credit)
        {
            if (credit.Kind != FrameKind.Snapshot)
            {
                throw new InvalidDataException("a credit of an edge came where snapshots are sent");
            }

            acknowledged(credit.Stage);
        }

        public void Lost(int worker, string reason) => lost(reason);
    }
}
