using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster;

namespace Pipeline.Runtime.Cluster;

/// <summary>Removes a member of the cluster whose process has died, as soon as it is missed. Of one that is only silent nobody can tell whether it has died, stands still or
/// cannot be reached, and the cluster waits and then keeps the side of its oldest node; but where the machine answers that nobody listens at the member's port any more,
/// there is nothing left to wait for, however few the others are.</summary>
internal sealed class DeadMembers : ReceiveActor
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly global::Akka.Cluster.Cluster cluster = global::Akka.Cluster.Cluster.Get(Context.System);

    public DeadMembers()
    {
        Receive<ClusterEvent.UnreachableMember>(message => IsDeadAsync(message.Member).PipeTo(Self));
        Receive<Dead>(message => cluster.State.Unreachable.Any(member => member.UniqueAddress == message.Member), message => cluster.Down(message.Member.Address));
        ReceiveAny(_ => { });   // it is there, or might be
    }

    public static Props Props() => Akka.Actor.Props.Create(() => new DeadMembers());

    protected override void PreStart() =>
        cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember));

    private static async Task<object> IsDeadAsync(Member member)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(member.Address.Host!, member.Address.Port!.Value, limit.Token);
            return new Silent();
        }
        catch (SocketException failure) when (failure.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return new Dead(member.UniqueAddress);
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            return new Silent();
        }
    }

    private sealed record Dead(UniqueAddress Member);

    private sealed record Silent;
}
