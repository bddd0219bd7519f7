using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>A process of the run, as its coordinator knows it.</summary>
/// <param name="prepared">As it joined the run.</param>
internal sealed class RunHost(PreparedHost prepared)
{
    private readonly Dictionary<int, IActorRef> workers = [];   // where there is no line
    private Task<ITensorLink>? dialled;
    private Action stopDialling = () => { };
    private ControlLine? line;
    private ITensorLink? link;

    public int Number => prepared.Number;

    /// <summary>Its node's name.</summary>
    public string Node => prepared.Node;

    public int Process => prepared.Process;

    public IActorRef Actor => prepared.Host;

    public PlaneAddress? Address => prepared.Address;

    /// <summary>What it lends to the run.</summary>
    public IReadOnlyList<string> Devices { get; private set; } = prepared.Devices;

    /// <summary>It is to end: no worker is placed on it any more.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>What it can give, as it said when it last paused.</summary>
    public IReadOnlyList<HeldSnapshot> Held { get; set; } = [];

    /// <summary>An epoch was begun with it.</summary>
    public bool HasPart { get; set; }

    /// <summary>It has been told to pause and has not done so yet.</summary>
    public bool IsAwaited { get; set; }

    public HostPlace Place => new(Number, Address, IsLeaving);

    public bool Holds(int worker, long step) => Held.Contains(new(worker, step));

    /// <summary>One of its devices is not used any more.</summary>
    /// <returns>It was used.</returns>
    public bool Withdraw(string device)
    {
        var before = Devices.Count;
        Devices = [.. Devices.Where(other => other != device)];
        return Devices.Count < before;
    }

    /// <summary>Opens the line to it; it may be that nobody listens there any more.</summary>
    public Task<ITensorLink> DialAsync(ITensorPlane plane, LinkName name, ControlLine made)
    {
        var dialling = new CancellationTokenSource();
        stopDialling = dialling.Cancel;
        return dialled = plane.DialAsync(Address!, name, made, dialling.Token);
    }

    /// <summary>From here on messages go over a line.</summary>
    public void Tie(ControlLine made, ITensorLink opened) => (line, link) = (made, opened);

    /// <summary>In a run of one process, a worker's own actor.</summary>
    public void Meet(int worker, IActorRef actor) => workers[worker] = actor;

    /// <param name="sender">The coordinator.</param>
    public void Tell(IControlMessage message, IActorRef sender)
    {
        if (line is not null)
        {
            line.Send(link!, null, message);
        }
        else
        {
            Actor.Tell(message, sender);
        }
    }

    public void Tell(int worker, IControlMessage message)
    {
        if (line is not null)
        {
            line.Send(link!, worker, message);
        }
        else
        {
            workers[worker].Tell(message);
        }
    }

    /// <param name="atOnce">What has not been brought out counts no more.</param>
    public void Close(bool atOnce)
    {
        stopDialling();
        if (link is null)
        {
            dialled?.ContinueWith(late => late.Result.Abandon(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        }
        else if (atOnce)
        {
            link.Abandon();
        }
        else
        {
            _ = Task.Run(link.Dispose);   // which waits for the other end
        }
    }
}

/// <summary>A process that is ready to take part in a run.</summary>
/// <param name="Number">Its own in the run, never used again.</param>
/// <param name="Host">Stands for the run there.</param>
/// <param name="Node">Its node's name.</param>
/// <param name="Process">Its id on its machine.</param>
/// <param name="Devices">That it lends to the run.</param>
/// <param name="Address">Where it listens for links; null where all of the run is in one process.</param>
internal sealed record PreparedHost(int Number, IActorRef Host, string Node, int Process, IReadOnlyList<string> Devices, PlaneAddress? Address);
