using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.StandIns;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Tensors.Devices;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Credits keep a fast stage from flooding a slow one. Native memory is counted for the whole process, so nothing else may run meanwhile.</summary>
[Collection(nameof(Alone))]
public class SlowStageTests
{
    private const int MicroBatches = 16;
    private const int Batches = 12;
    private const int Elements = 1 << 18;   // 1 MiB

    /// <summary>An evaluation has forwards alone, so nothing but credits holds the first stage back: 192 MiB would pile up.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stage_ten_times_slower_than_the_one_before_holds_a_few_activations_only(bool sockets)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("data"), new string('x', 100));
        File.WriteAllText(folder.File("job.hocon"), $$"""
            job        { name = slow, steps = 1, directory = "{{folder.File("run")}}" }
            model      { architecture = stand-in, layers = 2 }
            data       { files = ["data"], validation-fraction = 0.5 }
            batch      { sequences = {{MicroBatches}}, micro-batches = {{MicroBatches}} }
            parallel   { stages = 2, split = even }
            evaluation { every = 1, batches = {{Batches}} }
            checkpoint { every = 0 }
            """);
        using var plan = new TrainingPlan(folder.File("job.hocon"), [], [new StandInArchitecture()]);
        var system = ActorSystem.Create("slow", TrainingRun.Settings());
        using var first = SocketPlane.Listen(new("127.0.0.1"));
        using var second = SocketPlane.Listen(new("127.0.0.1"));
        using var own = SocketPlane.Listen(new("127.0.0.1"));
        var peak = new Peak();
        var run = Guid.NewGuid();
        IActorRef Host(ITensorPlane? plane, int number) => system.ActorOf(RunHostActor.Props(new(
            number, run, (_, step, checkpoint) => plan.Stages.At(step, checkpoint), (_, _, stage, _) => new LargeOutputs(plan.Schedule, stage, peak), _ => { }, plane)));
        PreparedHost Prepared(SocketPlane plane, int number) => new(number, Host(plane, number), $"node-{number}", 1, ["cpu"], plane.Address);
        var summary = sockets
            ? await TrainingRun.RunAsync(
                system, plan, new([Prepared(first, 0), Prepared(second, 1)], [new(0, "cpu"), new(1, "cpu")]), new(run, own, null, 0), new Silent(), CancellationToken.None)
            : await TrainingRun.RunAsync(system, plan, TrainingRun.Alone(plan, Host(null, 0)), new(run, null, null, 0), new Silent(), CancellationToken.None);
        await system.Terminate();
        Assert.Equal("completed", summary.Outcome);
        Assert.InRange(peak.Tensors, 1, 12);   // 3 credits; on either side of a socket one more that is not acknowledged yet
    }

    private sealed class Peak
    {
        private readonly long before = DeviceMemory.Used(CPU);

        public double Tensors { get; private set; }

        public void Look() => Tensors = Math.Max(Tensors, (DeviceMemory.Used(CPU) - before) / (4.0 * Elements));
    }

    /// <summary>Outputs of a mebibyte; in evaluation the second stage takes ten times as long as the first.</summary>
    private sealed class LargeOutputs(Schedule schedule, int stage, Peak peak) : ExecutorWrapper(new StandInExecutor(schedule, ActionTimes.PerRank(schedule, 0, 0, 0), stage))
    {
        public override Tensor? Evaluate(int batch, int microBatch, int number, Tensor? input)
        {
            input?.Dispose();
            Thread.Sleep(stage == 0 ? 1 : 10);
            if (stage == 0)
            {
                return zeros(Elements).DetachFromDisposeScope();
            }

            peak.Look();
            return null;
        }
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
