using System.Collections.Concurrent;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Replicas;

public class OverlapTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Every bucket is held up in the middle of the weight gradients until the ring has added it up: with layers still to come, and
    /// the stage's thread away from its mailbox.</summary>
    [Fact]
    public async Task Gradients_are_summed_while_the_stage_is_inside_an_operator()
    {
        using var run = new TestRun();
        var seen = new ConcurrentBag<(int Stage, int Bucket, bool IsSummed)>();
        var summary = await run.RunReplicasAsync(
            false, ["parallel={replicas=2,stages=2}", "job.steps=2"],
            (replica, stage, executor) => new WaitingExecutor(executor, (bucket, shards) =>
                seen.Add((stage, bucket, SpinWait.SpinUntil(() => shards[replica].IsInvalid, Limit)))),
            CancellationToken.None);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        // Two blocks on each stage, position embeddings on the first, and the final norm on the last; the tied weight comes later.
        Assert.Equal(2 * 2 * (3 + 3), seen.Count);
        Assert.All(seen, one => Assert.True(one.IsSummed, $"bucket {one.Bucket} of stage {one.Stage}"));
    }

    /// <param name="released">Called inside the weight gradient, after each release.</param>
    private sealed class WaitingExecutor(IStageExecutor inner, Action<int, IReadOnlyList<Tensor>> released) : ExecutorWrapper(inner)
    {
        public override void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release) =>
            base.WeightGradient(microBatch, release is null ? null : (bucket, shards) =>
            {
                release(bucket, shards);
                released(bucket, shards);
            });
    }
}
