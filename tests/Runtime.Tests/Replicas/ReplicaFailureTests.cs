using Pipeline.Core.Schedules;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Replicas;

/// <summary>Live tensors are counted for the whole process, so nothing else may run meanwhile.</summary>
[Collection(nameof(Alone))]
public class ReplicaFailureTests
{
    [Theory]
    [InlineData(0, ActionKind.Forward, "0F2")]
    [InlineData(1, ActionKind.InputGradient, "1B2")]
    [InlineData(0, ActionKind.WeightGradient, "0B2")]
    public async Task A_failing_stage_of_a_replica_ends_the_run_and_leaves_nothing(int stage, ActionKind kind, string action)
    {
        using var run = new TestRun();
        var before = Alone.LiveTensors();
        var summary = await run.RunReplicasAsync(
            false, ["batch.micro-batches=6", "parallel={replicas=2,stages=2}"],
            (replica, index, executor) => (replica, index) == (1, stage) ? new FailingExecutor(executor, stage, kind) : executor,
            CancellationToken.None);
        Assert.Equal(("failed", $"Stage {stage} of replica 1 failed while running {action}: planted in stage {stage}."), (summary.Outcome, summary.Failure));
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData("stages=2")]
    [InlineData("stages=2,schedule=zb-v,shard-optimizer=false")]
    public async Task Live_tensors_do_not_grow(string layout)
    {
        using var run = new TestRun();
        var counts = new List<long>();
        run.OnStep = step => counts.Add(Tensor.TotalCount);
        var before = Alone.LiveTensors();
        await run.RunAsync($"parallel={{replicas=2,{layout}}}", "job.steps=60", "evaluation={every=1,batches=1}");
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(60, counts.Count);
        Assert.All(counts, count => Assert.Equal(counts[0], count));
    }
}
