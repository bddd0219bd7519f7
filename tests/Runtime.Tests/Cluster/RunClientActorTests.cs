using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>A terminal, and a cluster's oldest node that answers as the test says.</summary>
public sealed class RunClientActorTests(RunClientActorTests.Oldest oldest) : IClassFixture<RunClientActorTests.Oldest>
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly RunSummary Summary = new(
        "test", "completed", null, 3, 2, 1, null, null, null, null, null, null, null, 10, 0, 1, null, null, null, "/run", null, []);

    private readonly Guid run = Guid.NewGuid();
    private readonly Screen screen = new();

    [Fact]
    public async Task A_coordinator_that_only_knows_the_runs_end_is_believed()
    {
        oldest.Answer = message => message is AttachRun ? new RunOver(run, Summary) : null;
        var summary = await Start(new() { Run = run, Node = "the one before" });
        Assert.Equal(("completed", 3), (summary!.Outcome, summary.Steps));
    }

    [Fact]
    public async Task A_run_that_has_not_begun_can_be_stopped_from_another_terminal()
    {
        var isStopped = false;
        oldest.Answer = message => message switch
        {
            StopSubmitted stop => (isStopped = stop.Run == run) ? null : null,
            AttachRun when isStopped => new RunFailed(run, null, false),
            AttachRun => new RunWaits(run),
            _ => null,
        };
        var stopped = await Assert.ThrowsAsync<RunStoppedException>(() => Start(new() { Name = "test", Stops = true }));
        Assert.Equal("The run was stopped before it began.", stopped.Message);
        Assert.Equal(["The run has not begun yet."], screen.Said);
    }

    [Fact]
    public async Task A_run_is_submitted_again_only_where_it_is_not_known()
    {
        using var test = new TestRun();
        using var plan = test.Plan(false);
        var (submissions, asked) = (0, 0);
        oldest.Answer = message => message switch
        {
            SubmitRun => ++submissions < 2 ? new RunWaits(run) : new RunFailed(run, "That is enough.", true),
            AttachRun { Run: { } id } when id == run => asked++ % 3 == 0 ? new RunUnknown("") : new RunWaits(run),   // first, and again after a second and a half
            _ => null,
        };
        var refused = await Assert.ThrowsAsync<BadInputException>(() => Start(new()
        {
            Submission = new(SubmittedRun.Of(run, plan.Run), NodeSoftware.OfThisProcess(), 1, "/probe"),
            Submits = true,
            Run = run,
            Plan = plan.Run,
        }));
        Assert.Equal("That is enough.", refused.Message);
        Assert.Equal(2, submissions);
        Assert.InRange(asked, 4, 5);
    }

    [Fact]
    public async Task A_node_that_does_not_answer_is_named()
    {
        oldest.Answer = _ => null;
        var silent = await Assert.ThrowsAsync<IOException>(() => Start(new() { Name = "test" }, TimeSpan.FromSeconds(1)));
        Assert.Equal($"The node {oldest.Node.At()}, which has the cluster's runs, has not answered for 1 s.", silent.Message);
    }

    [Fact]
    public async Task Other_software_is_named()
    {
        oldest.Answer = message => message is DescribeNode
            ? new NodeDescription("alpha", "", 1, NodeSoftware.OfThisProcess() with { Protocol = 1, LibTorch = "0" }, [], 1, [], new Dictionary<string, long>())
            : null;
        var problem = await Assert.ThrowsAsync<BadInputException>(() => Start(new() { Name = "test" }));
        Assert.Equal($"The node alpha has protocol 1, not {NodeSoftware.CurrentProtocol} as this command has; both must be the same.", problem.Message);
    }

    [Fact]
    public async Task A_runs_own_cluster_is_named()
    {
        await using var parent = await TestNode.StartAsync(roles: ClusterNode.CoordinatorRole);
        await using var terminal = await TestNode.StartAsync(join: parent.At());
        var problem = await Assert.ThrowsAsync<BadInputException>(() => Start(new() { Name = "test" }, terminal: terminal));
        Assert.StartsWith("The cluster is that of one pipeline train --processes, ", problem.Message, StringComparison.Ordinal);
    }

    private async Task<RunSummary?> Start(RunRequest request, TimeSpan? limit = null, ClusterNode? terminal = null)
    {
        var outcome = new TaskCompletionSource<RunSummary?>();
        var client = (terminal ?? oldest.Terminal).System.ActorOf(RunClientActor.Props(request, [], screen, outcome, limit));
        try
        {
            return await outcome.Task.WaitAsync(Soon);
        }
        finally
        {
            await client.GracefulStop(Soon);
        }
    }

    /// <summary>The node and a terminal, both real members.</summary>
    public sealed class Oldest : IAsyncLifetime
    {
        internal ClusterNode Node { get; private set; } = null!;

        internal ClusterNode Terminal { get; private set; } = null!;

        /// <summary>To what comes for the node or for its runs.</summary>
        internal Func<object, object?> Answer { get; set; } = _ => null;

        public async ValueTask InitializeAsync()
        {
            Node = await TestNode.StartAsync(roles: [ClusterNode.CoordinatorRole, ClusterRun.NodeRole]);
            Node.System.ActorOf(Props.Create(() => new Scripted(this)), NodeActor.Name);
            Node.System.ActorOf(Props.Create(() => new Parent(this)), RunsActor.Name);
            Terminal = await TestNode.StartAsync(join: Node.At());
        }

        public async ValueTask DisposeAsync()
        {
            await Terminal.DisposeAsync();
            await Node.DisposeAsync();
        }

        private sealed class Parent(Oldest oldest) : ReceiveActor
        {
            protected override void PreStart() => Context.ActorOf(Props.Create(() => new Scripted(oldest)), RunsActor.SingletonName);
        }

        private sealed class Scripted : ReceiveActor
        {
            public Scripted(Oldest oldest) => ReceiveAny(message =>
            {
                if (oldest.Answer(message) is { } answer)
                {
                    Sender.Tell(answer);
                }
            });
        }
    }

    private sealed class Screen : IRunScreen
    {
        public List<string> Said { get; } = [];

        public void Show(RunPlan plan, IReadOnlyList<StepMetrics> recent)
        {
        }

        public void Step(StepMetrics metrics)
        {
        }

        public void Event(RunEvent happened)
        {
        }

        public void Say(string sentence) => Said.Add(sentence);
    }
}
