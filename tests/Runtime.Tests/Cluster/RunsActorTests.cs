using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Which runs a cluster has, as terminals are told. They wait for a second node, so that none begins.</summary>
[Collection(nameof(Alone))]
public sealed class RunsActorTests : IAsyncLifetime
{
    private readonly TestRun first = new();
    private readonly TestRun second = new();
    private Node node = null!;
    private ClusterNode terminal = null!;

    public async ValueTask InitializeAsync()
    {
        var settings = TestNode.Settings();
        node = await Node.StartAsync(
            settings with { Node = settings.Node with { Name = "alpha", Devices = ["cpu"] } }, null, false, [new Gpt2()], TestContext.Current.CancellationToken);
        terminal = await TestNode.StartAsync(join: node.Description.Address);
    }

    public async ValueTask DisposeAsync()
    {
        await terminal.DisposeAsync();
        await node.DisposeAsync();
        first.Dispose();
        second.Dispose();
    }

    [Fact]
    public async Task A_terminal_is_told_of_the_run_it_means_or_which_there_are()
    {
        Assert.Equal("No run goes on in the cluster.", await UnknownAsync(null));
        Assert.Equal("No run small goes on in the cluster.", await UnknownAsync("small"));

        using var small = Submission(first, "small");
        await WaitsAsync(small.Message);
        await WaitsAsync(small.Message);   // it is the same run
        await WaitsAsync(new AttachRun(null, null, null));

        using var other = Submission(second, "other");
        await WaitsAsync(other.Message);
        var list = $"small ({first.Directory}), other ({second.Directory}).";
        Assert.Equal($"Several runs go on; give the name or the directory of one: {list}", await UnknownAsync(null));
        Assert.Equal($"No run third goes on in the cluster; there are {list}", await UnknownAsync("third"));
        await WaitsAsync(new AttachRun(null, "small", null));
        await WaitsAsync(new AttachRun(null, "runs/other", second.Directory));

        var client = new RunClient(TestNode.Settings(), node.Description.Address, false, [new Gpt2()]);
        Assert.Equal(
            $"No run third goes on in the cluster; there are {list}",
            (await Assert.ThrowsAsync<BadInputException>(() => client.AttachAsync("third", false, new Unseen(), TestContext.Current.CancellationToken))).Message);

        Runs.Tell(new StopSubmitted(small.Message.Run.Run));
        object answer;
        while ((answer = await AskAsync(new AttachRun(small.Message.Run.Run, null, null))) is RunWaits)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.Equal(new RunFailed(small.Message.Run.Run, null, false), answer);
        Assert.Equal($"No run small goes on in the cluster; there are other ({second.Directory}).", await UnknownAsync("small"));   // it has never begun
    }

    private ActorSelection Runs => terminal.System.ActorSelection($"akka.tcp://pipeline@{node.Description.Address}/user/{RunsActor.Name}/{RunsActor.SingletonName}");

    private static Submitted Submission(TestRun run, string name)
    {
        var plan = run.Plan(false, $"job.name={name}");
        var probe = new StorageProbe(run.Directory);
        return new(plan, probe, new(SubmittedRun.Of(Guid.NewGuid(), plan.Run), NodeSoftware.OfThisProcess(), 2, probe.Path));
    }

    private async Task WaitsAsync(object message) => Assert.IsType<RunWaits>(await AskAsync(message));

    private async Task<string> UnknownAsync(string? name) => Assert.IsType<RunUnknown>(await AskAsync(new AttachRun(null, name, null))).Sentence;

    private Task<object> AskAsync(object message) => Runs.Ask<object>(message, TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);

    private sealed record Submitted(TrainingPlan Plan, StorageProbe Probe, SubmitRun Message) : IDisposable
    {
        public void Dispose()
        {
            Probe.Dispose();
            Plan.Dispose();
        }
    }

    private sealed class Unseen : IRunScreen
    {
        public void Show(RunPlan plan, IReadOnlyList<StepMetrics> recent)
        {
        }

        public void Say(string sentence)
        {
        }

        public void Step(StepMetrics metrics)
        {
        }

        public void Event(RunEvent happened)
        {
        }
    }
}
