using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.StandIns;
using Pipeline.Runtime.Stages;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Coordination;

/// <summary>The coordinator is no bottleneck: what it sends and receives in a step does not grow with the micro-batches.</summary>
public class MessageCountTests
{
    private const int Ranks = 64;
    private const int Steps = 6;

    [Theory]
    [InlineData(64)]
    [InlineData(192)]
    public async Task A_step_takes_one_message_each_way_for_each_of_64_stages(int microBatches)
    {
        var schedule = ScheduleCatalog.Create("1f1b", Ranks, 1, microBatches);
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("data"), new string('x', 100));
        File.WriteAllText(folder.File("job.hocon"), $$"""
            job        { name = count, steps = {{Steps}}, directory = "{{folder.File("run")}}" }
            model      { architecture = stand-in, layers = {{Ranks}} }
            data       { files = ["data"], validation-fraction = 0 }
            batch      { sequences = {{microBatches}}, micro-batches = {{microBatches}} }
            parallel   { stages = {{Ranks}}, split = even }
            evaluation { every = 0 }
            checkpoint { every = 0 }
            """);
        using var plan = new TrainingPlan(folder.File("job.hocon"), [], [new StandInArchitecture()]);
        double[] times = [.. Enumerable.Repeat(20e-6, Ranks)];
        var seconds = new ActionTimes(times, times, times);
        var system = ActorSystem.Create("count", TrainingRun.Settings());
        var count = new Count();
        var host = system.ActorOf(RunHostActor.Props(
            new(0, Guid.Empty, (_, step, checkpoint) => plan.Stages.At(step, checkpoint), (_, _, stage, _) => new StandInExecutor(schedule, seconds, stage), _ => { }, null)));
        var between = system.ActorOf(Props.Create(() => new Between(host, count)));
        var summary = await TrainingRun.RunAsync(
            system, plan, TrainingRun.Alone(plan, between), new(Guid.Empty, null, null, 0), new Silent(), TestContext.Current.CancellationToken);
        await system.Terminate();

        Assert.Equal("completed", summary.Outcome);
        // Each stage: started, ready in each step, and at the end its shard saved. The coordinator: the first step, a commit each, and save.
        Assert.Equal(Ranks * (Steps + 2), count.Received);
        Assert.Equal(Ranks * (Steps + 2), count.Sent);
    }

    private sealed class Count
    {
        private int received;
        private int sent;

        public int Received => received;

        public int Sent => sent;

        public void Receive() => Interlocked.Increment(ref received);

        public void Send() => Interlocked.Increment(ref sent);
    }

    /// <summary>Stands between the coordinator and the stages, in both directions.</summary>
    private sealed class Between : ReceiveActor
    {
        public Between(IActorRef host, Count count)
        {
            IActorRef coordinator = ActorRefs.Nobody;
            Receive<StartStages>(start =>
            {
                coordinator = start.Coordinator;
                host.Tell(start with { Coordinator = Context.ActorOf(Props.Create(() => new ToCoordinator(start.Coordinator, count))) });
            });
            Receive<EndStages>(end => host.Ask<StagesEnded>(end).PipeTo(Sender, Self));
            ReceiveAny(host.Forward);
        }
    }

    private sealed class ToCoordinator : ReceiveActor
    {
        public ToCoordinator(IActorRef coordinator, Count count)
        {
            var stages = new Dictionary<IActorRef, IActorRef>();
            ReceiveAny(message =>
            {
                count.Receive();
                var stage = Sender;
                if (!stages.TryGetValue(stage, out var back))
                {
                    stages[stage] = back = Context.ActorOf(Props.Create(() => new ToStage(stage, count)));
                }

                coordinator.Tell(message, back);
            });
        }
    }

    private sealed class ToStage : ReceiveActor
    {
        public ToStage(IActorRef stage, Count count) => ReceiveAny(message =>
        {
            count.Send();
            stage.Tell(message);
        });
    }

    private sealed class Silent : IRunObserver
    {
        public void Step(StepMetrics metrics)
        {
        }

        public void Event(RunEvent happened)
        {
        }
    }
}
