using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Cluster;

public sealed class ControlSerializerTests : IDisposable
{
    private readonly ActorSystem system = ActorSystem.Create("serializer", TrainingRun.Settings());

    public void Dispose() => system.Terminate().Wait();

    [Fact]
    public void Messages_come_back_as_they_were()
    {
        var serializer = new ControlSerializer((ExtendedActorSystem)system);
        var ready = (StepReady)Again(new StepReady(
            3, 7, 1, [new("a", double.NaN), new("b", 0.1)], new PassResult(1 / 3.0, 1, 2, 3, 4), new([new(PipelineAction.Parse("2I5"), 10, 20)], 1, 2, 3, new(30, 40))));
        Assert.Equal((3, 7, 1, new PassResult(1 / 3.0, 1, 2, 3, 4)), (ready.Epoch, ready.Step, ready.Worker, ready.Result));
        Assert.Equal([new("a", double.NaN), new("b", 0.1)], ready.GradientSquares);
        Assert.Equal([new(PipelineAction.Parse("2I5"), 10, 20)], ready.Times.Actions);
        Assert.Equal((1, 2, 3, new Interval(30, 40)), (ready.Times.Between, ready.Times.Transfer, ready.Times.PeakInFlight, ready.Times.Optimizer));
        var commit = new CommitStep(3, 7, null, RunsNext: true);
        Assert.Equal(commit, Again(commit));
        var start = (StartStages)Again(new StartStages(
            1, 2, null, [new(4, "cpu"), new(5, "cuda:1")], [new(4, null), new(5, new("host", 5, "/path"))], [5, 4], system.DeadLetters));
        Assert.Equal([new(4, "cpu"), new(5, "cuda:1")], start.Seats);
        Assert.Equal([new(4, null), new(5, new("host", 5, "/path"))], start.Hosts);
        Assert.Equal(system.DeadLetters.Path.Name, start.Coordinator.Path.Name);

        object Again(object message) => serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));
    }

    [Fact]
    public void What_terminals_and_runs_tell_each_other_comes_back_as_it_was()
    {
        using var test = new TestRun();
        using var plan = test.Plan(false, "parallel.stages=2", "parallel.split=even");
        var submitted = SubmittedRun.Of(Guid.NewGuid(), plan.Run);
        var step = new StepMetrics(7, 2, 1 / 3.0, false, 0.1, null, 1e-3, 100, 0.5, 200, 0.25, [new(1, 0.3, 0.4, 0.1, 2, Replica: 1)], 0.5, 0.25, 1e-9, 0.75, 0.125, double.NaN);
        var happened = new RunEvent(DateTimeOffset.UtcNow, "evaluation", 7, "A sentence.", 1 / 7.0, "/path", 0.5, 0.25, 0.125);
        var summary = new RunSummary(
            "test", "failed", "A reason.", 7, 3, 1 / 3.0, 2, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1000, 1, 3.5, 0.5, 200, 0.25, "/run", "/run/checkpoint",
            [new(1, "h.0 to h.1", 500, "cpu", "alpha", 11, Replica: 1)]);
        IControlMessage[] messages =
        [
            new SubmitRun(submitted, NodeSoftware.OfThisProcess(), 3, "/probe"), new AttachRun(submitted.Run, "test", "/run"), new AttachRun(null, null, null),
            new StopSubmitted(submitted.Run), new RunShown(submitted, [new("alpha", 11, "cpu"), new("beta", 12, "cuda:1")], "alpha", [step with { Stages = [] }, step]),
            new RunSteps(submitted.Run, [step]), new RunHappening(submitted.Run, happened, [new("alpha", 11, "cpu")]), new RunOver(submitted.Run, summary),
            new RunFailed(submitted.Run, null, false), new RunFailed(submitted.Run, "A reason.", true), new RunWaits(submitted.Run), new RunUnknown("A sentence."),
        ];
        var serializer = new ControlSerializer((ExtendedActorSystem)system);
        foreach (var message in messages)
        {
            var bytes = serializer.ToBinary(message);
            var again = serializer.FromBinary(bytes, serializer.Manifest(message));
            Assert.Equal(message.GetType(), again.GetType());
            Assert.Equal(Encoding.UTF8.GetString(bytes), Encoding.UTF8.GetString(serializer.ToBinary(again)));
        }

        var shown = (RunShown)serializer.FromBinary(serializer.ToBinary(messages[4]), nameof(RunShown));
        Assert.Equal(plan.Run.Data.Files, shown.Run.ListFiles());
        Assert.Equal(step with { Stages = [] }, shown.Recent[1] with { Stages = [] });
        Assert.Equal(step.Stages, shown.Recent[1].Stages);
        Assert.Equal(happened, ((RunHappening)serializer.FromBinary(serializer.ToBinary(messages[6]), nameof(RunHappening))).Happened);
    }

    [Theory]
    [InlineData("RunStep", "{\"Epoch\":1}")]
    [InlineData("RunStep", "{\"Epoch\":1,\"Step\":\"x\"}")]
    [InlineData("RunStep", "null")]
    [InlineData("RunStep", "")]
    [InlineData("StageStarted", "[1,2]")]
    [InlineData("StepReady", "{\"Epoch\":1,\"Step\":1,\"Worker\":0,\"GradientSquares\":null,\"Result\":{\"Loss\":0},\"Times\":null}")]
    [InlineData("System.IO.FileInfo", "{\"FileName\":\"x\"}")]
    [InlineData("StartStage", "{}")]
    public void What_is_no_control_message_is_refused(string manifest, string json) => Assert.Throws<SerializationException>(
        () => new ControlSerializer((ExtendedActorSystem)system).FromBinary(Encoding.UTF8.GetBytes(json), manifest));
}
