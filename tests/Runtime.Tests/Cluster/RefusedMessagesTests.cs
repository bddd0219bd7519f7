using System.Net.Sockets;
using Akka.Actor;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>What a peer that can speak to a node, Akka as it comes, cannot make it do. After each the cluster is whole.</summary>
[Collection(nameof(Runs.Alone))]
public sealed class RefusedMessagesTests(RefusedMessagesTests.TwoNodes nodes) : IClassFixture<RefusedMessagesTests.TwoNodes>
{
    [Fact]
    public async Task A_type_that_the_sender_names_is_not_made()
    {
        var attack = new Attack { Value = "sent" };
        Attack.Ran = false;
        await Refused(Refusals.Serializer, stranger => stranger.ActorSelection($"{nodes.First.Address}/user/node").Tell(attack));
        await Refused(Refusals.Serializer, stranger => Resolve(stranger).Tell(attack));
        Assert.False(Attack.Ran);
    }

    [Fact]
    public async Task An_actor_is_not_created_for_a_peer()
    {
        await Refused(Refusals.Deployment, stranger =>
            stranger.ActorOf(Props.Create<Planted>().WithDeploy(new Deploy(new RemoteScope(nodes.First.Address)))));
        Assert.False(Planted.Ran);
    }

    [Fact]
    public Task An_actor_is_not_found_by_a_path_that_is_not_for_peers() =>
        Refused(Refusals.Untrusted, stranger => stranger.ActorSelection($"{nodes.First.Address}/user/hidden").Tell("x"));

    [Fact]
    public async Task An_actor_is_not_killed_and_not_stopped()
    {
        await Refused(Refusals.Untrusted, stranger => stranger.ActorSelection($"{nodes.First.Address}/user/node").Tell(Kill.Instance));
        await Refused(Refusals.Untrusted, stranger => Resolve(stranger).Tell(Kill.Instance));
        await Refused(Refusals.Untrusted, stranger => Resolve(stranger).Tell(PoisonPill.Instance));
        await Refused(Refusals.Untrusted, stranger => ((IInternalActorRef)Resolve(stranger)).Stop());
        Assert.Equal(0, nodes.Ends);
    }

    [Fact]
    public Task Bytes_that_are_no_frame_close_their_connection_alone() =>
        Refused(Refusals.Frame, _ =>
        {
            using var client = new TcpClient("127.0.0.1", nodes.First.Address.Port!.Value);
            client.GetStream().Write("GET / HTTP/1.0\r\n\r\n"u8);
        });

    /// <param name="attack">May run again, see <see cref="RefusedCounter.WaitAsync"/>.</param>
    private async Task Refused(string reason, Action<ActorSystem> attack)
    {
        var before = nodes.Counter[reason];
        attack(nodes.Stranger);
        await nodes.Counter.WaitAsync(reason, before, () => attack(nodes.Stranger));
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    private IActorRef Resolve(ActorSystem stranger) =>
        stranger.ActorSelection($"{nodes.First.Address}/user/node").ResolveOne(TimeSpan.FromSeconds(5)).Result;

    public sealed class Attack
    {
        public static bool Ran { get; set; }

        public string? Value
        {
            get => "sent";
            set => Ran = value is not null;
        }
    }

    public sealed class Planted : ReceiveActor
    {
        public Planted() => Ran = true;

        public static bool Ran { get; private set; }
    }

    public sealed class TwoNodes : IAsyncLifetime
    {
        private int ends;

        internal RefusedCounter Counter { get; } = new();

        public ClusterNode First { get; private set; } = null!;

        public ClusterNode Second { get; private set; } = null!;

        public ActorSystem Stranger { get; private set; } = null!;

        public int Ends => Volatile.Read(ref ends);

        public async ValueTask InitializeAsync()
        {
            First = await TestNode.StartAsync(roles: ClusterNode.CoordinatorRole);
            First.System.ActorOf(Props.Create(() => new Mortal(() => Interlocked.Increment(ref ends))), "node");
            First.System.ActorOf(Props.Create<TestNode.Echo>(), "hidden");
            Second = await TestNode.StartAsync(join: First.At());
            Stranger = TestNode.Stranger();
        }

        public async ValueTask DisposeAsync()
        {
            await Stranger.Terminate();
            await Second.DisposeAsync();
            await First.DisposeAsync();
            Counter.Dispose();
        }
    }

    private sealed class Mortal : ReceiveActor
    {
        private readonly Action ended;

        public Mortal(Action ended)
        {
            this.ended = ended;
            ReceiveAny(message => Sender.Tell(message));
        }

        protected override void PostStop() => ended();
    }
}
