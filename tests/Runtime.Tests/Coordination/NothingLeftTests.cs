using System.Collections.Concurrent;
using Akka.Actor;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Coordination;

/// <summary>A process has many runs, one after another: what one of them had is gone with it.</summary>
public sealed class NothingLeftTests : IDisposable
{
    private readonly TestRun run = new();
    private readonly ActorSystem system = ActorSystem.Create("standing", TrainingRun.Settings());
    private readonly SocketPlane stage = SocketPlane.Listen(new("127.0.0.1"));
    private readonly Watched own = new(SocketPlane.Listen(new("127.0.0.1")));

    public void Dispose()
    {
        system.Terminate().Wait();
        stage.Dispose();
        own.Dispose();
        run.Dispose();
    }

    [Fact]
    public async Task Runs_that_have_ended_leave_no_actor()
    {
        for (var number = 0; number < 3; number++)
        {
            using var plan = run.Plan(false, "job.steps=2");
            Assert.Equal("completed", (await TrainAsync(plan)).Outcome);
            Assert.Empty(Actors());
        }
    }

    [Fact]
    public async Task A_process_that_was_not_there_is_not_dialled_any_more()
    {
        using var plan = run.Plan(false, "job.steps=2");
        var nobody = system.ActorOf(Props.Create<Nobody>());
        await nobody.GracefulStop(TimeSpan.FromSeconds(5));
        Assert.Equal("completed", (await TrainAsync(plan, new PreparedHost(1, nobody, "gone", 1, ["cpu"], new("127.0.0.1", 1, null)))).Outcome);
        Assert.Equal([true], own.Dialled.Where(dial => dial.Port == 1).Select(dial => dial.Stop.IsCancellationRequested));
        Assert.Empty(Actors());
    }

    [Fact]
    public async Task A_coordinator_that_leaves_does_so_behind_a_step_and_the_next_one_goes_on_from_there()
    {
        using var plan = run.Plan(false, "job.steps=100000");
        using var leave = new CancellationTokenSource();
        var watch = new Watch { OnStep = step => _ = step == 5 ? leave.CancelAsync() : Task.CompletedTask };
        var secret = Guid.NewGuid();
        var host = Host(plan, secret);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TrainingRun.RunAsync(
            system, plan.Run, Start(plan, host), new(secret, own, null, 0), watch, CancellationToken.None, leave.Token));
        Assert.Equal([host.Host], Actors());
        var start = Start(plan, host) with { TakenOver = new(1, DateTimeOffset.UtcNow, "The coordinator has moved") };
        using var next = run.Plan(false, "job.steps=100000");
        var summary = await TrainingRun.RunAsync(system, next.Run, start, new(secret, own, null, 0, firstNumber: 1), watch, new(canceled: true));
        Assert.Equal(("interrupted", watch.LastStep), (summary.Outcome, summary.Steps));
        Assert.StartsWith(
            $"The coordinator has moved: the run goes on after step {watch.LastStep}, from the memory of its processes, in epoch 2", watch.Takeover, StringComparison.Ordinal);
        Assert.Empty(Actors());
    }

    private Task<RunSummary> TrainAsync(TrainingPlan plan, params PreparedHost[] others)
    {
        var secret = Guid.NewGuid();
        return TrainingRun.RunAsync(
            system, plan.Run, Start(plan, [Host(plan, secret), .. others]), new(secret, own, new Nodes(), 0), new Watch(), CancellationToken.None);
    }

    private PreparedHost Host(TrainingPlan plan, Guid secret) => new(
        0,
        system.ActorOf(RunHostActor.Props(new(
            0,
            secret,
            (_, step, checkpoint) => plan.Stages.At(step, checkpoint),
            (stages, worker, number, device) => stages.CreateExecutor(worker, number, device),
            _ => { },
            stage))),
        "alpha",
        1,
        ["cpu"],
        stage.Address);

    private static StartRun Start(TrainingPlan plan, params PreparedHost[] hosts) =>
        new(hosts, [.. Enumerable.Range(0, plan.Run.Stages.Workers.Count).Select(_ => new Seat(0, "cpu"))]);

    /// <summary>What a program's own actors are; none that has ended counts.</summary>
    private IReadOnlyList<IActorRef> Actors()
    {
        var guardian = (ActorRefWithCell)((ExtendedActorSystem)system).Guardian;
        SpinWait.SpinUntil(() => !guardian.Children.Any(), TimeSpan.FromSeconds(1));   // those that were told to end need a moment
        return [.. guardian.Children];
    }

    private sealed class Nobody : ReceiveActor;

    /// <summary>Has an actor for as long as it is watched.</summary>
    private sealed class Nodes : IRunNodes
    {
        public void Watch(IActorContext observer) => observer.ActorOf(Props.Create<Nobody>());

        public Task<PreparedHost?> FindAsync(int number, IReadOnlyList<IActorRef> known) => Task.FromResult<PreparedHost?>(null);

        public void Expel(IActorRef lost)
        {
        }
    }

    /// <summary>Remembers what was dialled.</summary>
    private sealed class Watched(SocketPlane plane) : ITensorPlane, IDisposable
    {
        public ConcurrentQueue<(int Port, CancellationToken Stop)> Dialled { get; } = [];

        public PlaneAddress Address => plane.Address;

        public Task<ITensorLink> DialAsync(PlaneAddress peer, LinkName name, ILinkReceiver receiver, CancellationToken cancellation)
        {
            Dialled.Enqueue((peer.Port, cancellation));
            return plane.DialAsync(peer, name, receiver, cancellation);
        }

        public Task<ITensorLink> AcceptAsync(LinkName name, ILinkReceiver receiver, CancellationToken cancellation) => plane.AcceptAsync(name, receiver, cancellation);

        public void Dispose() => plane.Dispose();
    }

    private sealed class Watch : IRunObserver
    {
        public Action<long> OnStep { get; init; } = _ => { };

        public long LastStep { get; private set; }

        public string Takeover { get; private set; } = "";

        public void Step(StepMetrics metrics)
        {
            LastStep = metrics.Step;
            OnStep(metrics.Step);
        }

        public void Event(RunEvent happened) => Takeover = happened.Kind == "takeover" ? happened.Message : Takeover;
    }
}
