using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>A run looks for another node among two, which answer as the test says.</summary>
public sealed class RunNodesTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);

    private readonly TestRun run = new();
    private readonly TrainingPlan plan;
    private readonly List<ClusterNode> members = [];
    private readonly TaskCompletionSource<ClusterNode> asked = new();   // the first that was to prepare
    private RunNodes nodes = null!;

    public RunNodesTests() => plan = run.Plan(false);

    public async ValueTask InitializeAsync()
    {
        members.Add(await TestNode.StartAsync(roles: ClusterNode.CoordinatorRole));
        nodes = new(members[0].System, plan.Run, SubmittedRun.Of(Guid.NewGuid(), plan.Run), ownsCluster: false);
    }

    public async ValueTask DisposeAsync()
    {
        nodes.Dispose();
        foreach (var member in Enumerable.Reverse(members))
        {
            await member.DisposeAsync();
        }

        plan.Dispose();
        run.Dispose();
    }

    [Fact]
    public async Task One_that_refuses_is_not_asked_again_and_the_other_is()
    {
        await JoinAsync(new RunRefused("it does not like it."));
        var refusal = await Assert.ThrowsAsync<BadInputException>(() => nodes.FindAsync(1, []));
        Assert.Equal($"The node {(await asked.Task).At()} refuses the run: it does not like it.", refusal.Message);
        var found = (await nodes.FindAsync(2, []))!;
        Assert.NotEqual((await asked.Task).At(), found.Node);
        Assert.Null(await nodes.FindAsync(3, [found.Host]));
    }

    [Fact]
    public async Task One_that_is_busy_is_passed_over()
    {
        await JoinAsync(new RunRefused("its cpu is taken.", IsBusy: true));
        var found = (await nodes.FindAsync(1, []))!;
        Assert.NotEqual((await asked.Task).At(), found.Node);
    }

    [Fact]
    public async Task One_that_is_gone_before_it_answers_does_not_hold_the_search_up()
    {
        await JoinAsync(null);
        var search = nodes.FindAsync(1, []);
        var lost = await asked.Task.WaitAsync(Soon, TestContext.Current.CancellationToken);
        members.Remove(lost);
        await lost.DisposeAsync();
        Assert.NotEqual(lost.At(), (await search.WaitAsync(Soon, TestContext.Current.CancellationToken))!.Node);
    }

    /// <param name="first">What the first that is to prepare answers; the other one does it.</param>
    private async Task JoinAsync(RunRefused? first)
    {
        for (var node = 0; node < 2; node++)
        {
            members.Add(await TestNode.StartAsync(join: members[0].At(), roles: ClusterRun.NodeRole));
            var member = members[^1];
            member.System.ActorOf(Props.Create(() => new Scripted(member, asked, first)), NodeActor.Name);
        }

        await TestNode.UpAsync(members[0], 3);
    }

    private sealed class Scripted : ReceiveActor
    {
        public Scripted(ClusterNode member, TaskCompletionSource<ClusterNode> asked, RunRefused? first)
        {
            Receive<DescribeNode>(_ => Sender.Tell(new NodeDescription(
                member.At(), member.At(), 1, NodeSoftware.OfThisProcess(), [], 1, [new("cpu", 0, [])], new Dictionary<string, long>())));
            Receive<PrepareRun>(_ =>
            {
                if (!asked.TrySetResult(member))
                {
                    Sender.Tell(new RunPrepared(Self, new("127.0.0.1", 1, null)));
                }
                else if (first is not null)
                {
                    Sender.Tell(first);
                }
            });
        }
    }
}
