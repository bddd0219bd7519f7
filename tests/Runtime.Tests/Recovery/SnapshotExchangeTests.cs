using System.Collections.Concurrent;
using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Tensors.Loading;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Recovery;

/// <summary>Snapshots between processes' ends of the plane, over real sockets. Live tensors are counted, so nothing else may run meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class SnapshotExchangeTests : IDisposable
{
    private readonly Guid run = Guid.NewGuid();
    private readonly SocketPlane[] planes;
    private readonly SnapshotStore[] stores = [new(), new(), new()];
    private readonly BlockingCollection<IControlMessage> reports = [];
    private readonly ConcurrentQueue<string> lost = [];

    public SnapshotExchangeTests()
    {
        LibTorch.Load();
        planes = [.. stores.Select(_ => SocketPlane.Listen(new("127.0.0.1")))];
    }

    public void Dispose()
    {
        Array.ForEach(planes, plane => plane.Dispose());
        Array.ForEach(stores, store => store.Close());
        reports.Dispose();
    }

    [Fact]
    public async Task A_snapshot_is_kept_here_and_at_the_buddy_and_reported_then_alone()
    {
        var before = Alone.LiveTensors();
        var start = Start(1, 0, [0, 1, 2], null);
        var exchanges = await OpenAsync(start);
        using (var state = new State(7))
        {
            exchanges[0].Keep(Snapshot.Copy(0, 10, state.Entries));
            exchanges[2].Keep(Snapshot.Copy(2, 10, state.Entries));
            Assert.Equal([new SnapshotKept(1, 10, 0), new SnapshotKept(1, 10, 2)], Take(2).Order(Comparer<SnapshotKept>.Create((one, other) => one.Worker - other.Worker)));
            Assert.Equal([new(0, 10), new(2, 10)], stores[0].Held.OrderBy(held => held.Worker));   // 0 is the buddy of 2
            Assert.Equal([new(0, 10)], stores[1].Held);
            AssertSame(state, stores[1].Find(0, 10)!);
            AssertSame(state, stores[0].Find(2, 10)!);
        }

        Close(exchanges);
        stores[0].ForgetBefore(11);
        stores[1].ForgetAfter(9);
        stores[2].ForgetBefore(11);
        Assert.Empty(stores.SelectMany(store => store.Held));
        Assert.Equal(before, Alone.LiveTensors());
    }

    [Fact]
    public async Task A_worker_that_has_moved_begins_with_the_snapshot_that_another_process_has()
    {
        using var state = new State(8);
        stores[1].Add(Snapshot.Copy(0, 20, state.Entries));
        stores[1].Add(Snapshot.Copy(1, 20, state.Entries));
        // Worker 0 goes on in process 2, which has nothing; its snapshot has been with process 1, in pieces or whole.
        var exchanges = await OpenAsync(Start(2, 20, [2, 1], [1, 1]));
        AssertSame(state, stores[2].Find(0, 20)!);
        Assert.Empty(lost);
        Close(exchanges);
        // And from there on: what came in pieces is cut into the same ones again.
        exchanges = await OpenAsync(Start(3, 20, [0, 1], [2, 1]));
        AssertSame(state, stores[0].Find(0, 20)!);
        Close(exchanges);
    }

    [Fact]
    public async Task A_process_that_leaves_gives_what_it_has_and_is_nobodys_buddy()
    {
        using var state = new State(9);
        stores[0].Add(Snapshot.Copy(0, 5, state.Entries));
        var start = Start(1, 5, [1], [0]);
        var exchanges = await OpenAsync(start with { Hosts = [start.Hosts[0] with { IsLeaving = true }, .. start.Hosts.Skip(1)] });
        AssertSame(state, stores[1].Find(0, 5)!);
        exchanges[0].Close();
        exchanges[1].Keep(Snapshot.Copy(0, 15, state.Entries));
        Assert.Equal([new SnapshotKept(1, 15, 0)], Take(1));
        Assert.Equal([new(0, 15)], stores[2].Held);
        Assert.Empty(lost);
        Close(exchanges);
    }

    [Fact]
    public void A_tensor_of_another_shape_or_type_is_not_taken_for_the_one_that_is_asked_for()
    {
        using var scope = NewDisposeScope();
        using var snapshot = Snapshot.Copy(0, 1, [("a", arange(6).view(2, 3))]);
        Assert.Contains("as a, and Int64 [6] is needed", Assert.Throws<InvalidDataException>(() => snapshot.ReadInto("a", zeros(6, ScalarType.Int64))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => snapshot.ReadInto("a", zeros(2, 3)));
        Assert.Throws<InvalidDataException>(() => snapshot.ReadInto("b", zeros(2, 3)));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(11, 3, 0)]   // of a worker whose snapshots do not come here
    [InlineData(11, 0, 0)]   // a header that is none
    public void What_is_no_part_of_an_expected_snapshot_is_refused(int kind, int worker, int index)
    {
        using var receiver = new SnapshotReceiver(new HashSet<int> { 0 }, 1 << 20, _ => { }, _ => { });
        Assert.Throws<InvalidDataException>(() => receiver.Receive(new Frame(1, new(1, (FrameKind)kind, worker, index), [zeros(4)], 0)));
    }

    [Fact]
    public void More_than_a_worker_can_have_is_refused_before_it_is_whole()
    {
        var before = Alone.LiveTensors();
        using (var receiver = new SnapshotReceiver(new HashSet<int> { 0 }, 100, _ => { }, _ => { }))
        {
            receiver.Receive(Piece(1, 20));
            Assert.Throws<InvalidDataException>(() => receiver.Receive(Piece(1, 1)));   // twice
            Assert.Throws<InvalidDataException>(() => receiver.Receive(Piece(2, 20)));
        }

        Assert.Equal(before, Alone.LiveTensors());

        static Frame Piece(int index, int elements) => new(1, new(1, FrameKind.Snapshot, 0, index), [zeros(elements)], 0);
    }

    private StartStages Start(long epoch, long step, int[] seats, int[]? sources) => new(
        epoch, step, null, [.. seats.Select(host => new Seat(host, "cpu"))], [.. planes.Select((plane, number) => new HostPlace(number, plane.Address))], sources, ActorRefs.Nobody);

    private async Task<SnapshotExchange[]> OpenAsync(StartStages start)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var exchanges = planes.Select((plane, number) => new SnapshotExchange(
            start,
            new(number, run, plane, stores[number], new Dictionary<int, IActorRef>(), (_, report) => reports.Add(report)),
            1L << 30,
            broken => lost.Enqueue(broken.What))).ToArray();
        await Task.WhenAll(exchanges.Select(exchange => exchange.OpenAsync(limit.Token, limit.Token)));
        return exchanges;
    }

    private SnapshotKept[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        Assert.True(reports.TryTake(out var report, TimeSpan.FromSeconds(20)));
        return (SnapshotKept)report;
    })];

    private static void Close(SnapshotExchange[] exchanges) => Array.ForEach(exchanges, exchange => exchange.Close());

    private static void AssertSame(State expected, Snapshot snapshot)
    {
        Assert.Equal(expected.Entries.Select(entry => entry.Name), snapshot.Tensors.Select(tensor => tensor.Name));
        using var scope = NewDisposeScope();
        foreach (var (name, value) in expected.Entries)
        {
            var read = zeros_like(value);
            snapshot.ReadInto(name, read);
            Assert.True(read.equal(value).all().item<bool>(), name);
        }
    }

    /// <summary>All kinds of tensors: larger than a piece on the wire, without elements, without dimensions, of several types.</summary>
    private sealed class State : IDisposable
    {
        public State(long seed)
        {
            using var generator = new Generator((ulong)seed);
            Entries =
            [
                ("large", randn([5, 1 << 20], generator: generator)),
                ("optimizer.exp_avg.a[0:64]", randn(64, ScalarType.Float64, generator: generator)),
                ("scalar", tensor(seed)),
                ("none", zeros(0, 4)),
                ("half", randn([3, 3], generator: generator).to(ScalarType.BFloat16)),
            ];
        }

        public IReadOnlyList<(string Name, Tensor Value)> Entries { get; }

        public void Dispose()
        {
            foreach (var (_, value) in Entries)
            {
                value.Dispose();
            }
        }
    }
}
