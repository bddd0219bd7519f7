using Akka.Actor;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>What a node says of its devices, and to whom it gives them.</summary>
public sealed class NodeActorTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    private readonly TestRun run = new();
    private readonly TrainingPlan plan;
    private readonly StorageProbe probe;
    private readonly ActorSystem system = ActorSystem.Create("node", TrainingRun.Settings());
    private readonly SocketPlane plane = SocketPlane.Listen(new("127.0.0.1"));
    private readonly Held opening = new();
    private readonly IActorRef node;

    public NodeActorTests()
    {
        plan = run.Plan(false);
        probe = new(run.Directory);
        node = system.ActorOf(NodeActor.Props(
            new("alpha", "", 1, NodeSoftware.OfThisProcess(), [], 1, [new("cpu", 0, [])], new Dictionary<string, long>()), [opening], plane, () => new Dictionary<string, long>()));
    }

    public void Dispose()
    {
        opening.Gate.Set();
        system.Terminate().Wait();
        plane.Dispose();
        probe.Dispose();
        plan.Dispose();
        run.Dispose();
        opening.Gate.Dispose();
    }

    [Fact]
    public async Task Devices_are_taken_as_soon_as_a_run_is_being_prepared()
    {
        Assert.Empty(await DeviceAsync());
        var first = AskAsync(Message());
        Assert.Equal(["test: being prepared"], await DeviceAsync());
        Assert.Equal(new RunRefused("its cpu is taken by test: being prepared.", IsBusy: true), await AskAsync(Message()));
        opening.Gate.Set();
        Assert.IsType<RunPrepared>(await first);
        Assert.Equal(["test: stage 0"], await DeviceAsync());
        Assert.Equal(new RunRefused("its cpu is taken by test: stage 0.", IsBusy: true), await AskAsync(Message()));
    }

    [Fact]
    public async Task A_run_that_cannot_be_opened_leaves_the_device_free()
    {
        opening.Gate.Set();
        Assert.False(Assert.IsType<RunRefused>(await AskAsync(Message() with { Probe = "/no/such/probe" })).IsBusy);
        Assert.Empty(await DeviceAsync());
        Assert.Equal(new RunRefused("there is no device cuda:7 here."), await AskAsync(Message() with { Lends = ["cuda:7"] }));
    }

    [Fact]
    public async Task A_node_that_ends_has_no_free_device()
    {
        var first = AskAsync(Message());
        Assert.IsType<RunsEnded>(await node.Ask(new EndRuns(), Soon, TestContext.Current.CancellationToken));
        Assert.Contains("the node's end", await DeviceAsync());
        opening.Gate.Set();
        Assert.Equal(new RunRefused("it is ending.", IsBusy: true), await first);
    }

    private PrepareRun Message() => new(SubmittedRun.Of(Guid.NewGuid(), plan.Run), 0, probe.Path, new Dictionary<int, string> { [0] = "cpu" }, ["cpu"]);

    private Task<object> AskAsync(PrepareRun message) => node.Ask(message, Soon);

    private async Task<IReadOnlyList<string>> DeviceAsync() => (await node.Ask<NodeDescription>(new DescribeNode(), Soon)).Devices[0].Runs;

    /// <summary>A family whose models are made when the test lets them.</summary>
    private sealed class Held : IArchitecture
    {
        private readonly Gpt2 own = new();

        public ManualResetEventSlim Gate { get; } = new();

        public string Name => own.Name;

        public Type Settings => own.Settings;

        public ModelDefinition Define(ModelSettings settings, int vocabulary)
        {
            Gate.Wait();
            return own.Define(settings, vocabulary);
        }
    }
}
