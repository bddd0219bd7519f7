using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

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
