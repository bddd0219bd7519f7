using System.Diagnostics;
using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.StandIns;

/// <summary>A member of a cluster in each of the transport benchmark's two processes: how long a control message takes there and back while
/// tensors pass beside it.</summary>
internal sealed class ControlPings : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly ClusterNode member;

    /// <param name="join">The other's <see cref="Address"/>; null for the first.</param>
    public ControlPings(string? join)
    {
        var settings = ClusterSettings.Read(null);
        member = ClusterNode.StartAsync(
            settings with { Node = settings.Node with { Port = 0 } },
            join,
            [],
            beforeJoining: member => member.System.ActorOf(Props.Create<Answering>(), NodeActor.Name)).GetAwaiter().GetResult();
    }

    public string Address => $"{member.Address.Host}:{member.Address.Port}";

    /// <returns>Seconds there and back, one ping after another, for so long.</returns>
    public List<double> Measure(TimeSpan time)
    {
        var cluster = Akka.Cluster.Cluster.Get(member.System);
        SpinWait.SpinUntil(() => cluster.State.Members.Count == 2, Limit);
        var other = cluster.State.Members.First(one => one.Address != member.Address).Address;
        var path = member.System.ActorSelection(new RootActorPath(other) / "user" / NodeActor.Name);
        var times = new List<double>();
        for (var begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin) < time; Thread.Sleep(Pause))
        {
            var sent = Stopwatch.GetTimestamp();
            path.Ask<ClockRead>(new ReadClock(0, sent), Limit).GetAwaiter().GetResult();
            times.Add(Stopwatch.GetElapsedTime(sent).TotalSeconds);
        }

        return times;
    }

    public void Dispose() => member.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private sealed class Answering : ReceiveActor
    {
        public Answering() => Receive<ReadClock>(message => Sender.Tell(new ClockRead(message.Host, message.AskedAt, Stopwatch.GetTimestamp())));
    }
}
