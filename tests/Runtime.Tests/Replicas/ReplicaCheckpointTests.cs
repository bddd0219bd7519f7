using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Replicas;

public class ReplicaCheckpointTests
{
    /// <summary>Where the number of replicas stays, so do the bits; else the losses are those of other sums of the same numbers.</summary>
    [Theory]
    [InlineData("replicas=2,stages=2", "replicas=2,stages=1", true)]
    [InlineData("replicas=2,stages=2", "replicas=2,stages=4,shard-optimizer=false", true)]
    [InlineData("replicas=2,stages=1,shard-optimizer=false", "replicas=2,stages=2", true)]
    [InlineData("replicas=2,stages=2", "replicas=1,stages=1", false)]
    [InlineData("replicas=1,stages=2", "replicas=4,stages=2", false)]
    [InlineData("replicas=4,stages=1", "replicas=2,stages=2,schedule=zb-v", false)]
    public async Task A_run_goes_on_with_another_layout(string before, string after, bool equal)
    {
        using var straight = new TestRun();
        await straight.RunAsync($"parallel={{{before}}}");
        using var stopped = new TestRun();
        await stopped.RunAsync($"parallel={{{before}}}", "checkpoint.every=5");
        Directory.Delete(Path.Combine(stopped.Directory, "checkpoints", "step-00000012"), recursive: true);
        Directory.Delete(Path.Combine(stopped.Directory, "checkpoints", "step-00000010"), recursive: true);
        var summary = await stopped.ResumeAsync($"parallel={{{after}}}");
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        if (equal)
        {
            Assert.Equal(straight.Metrics(), stopped.Metrics());
        }
        else
        {
            Assert.Equal(12, stopped.Metrics().Count);
            Assert.All(straight.Metrics().Zip(stopped.Metrics()), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-6 * pair.First.Loss));
        }
    }

    [Fact]
    public async Task Parameters_are_saved_once_and_moments_by_whoever_has_them()
    {
        var sharded = await FilesAsync("true");
        Assert.Equal(
            ["stage-0.replica-0.safetensors", "stage-1.replica-0.safetensors", "stage-0.replica-1.safetensors", "stage-1.replica-1.safetensors"],
            sharded.Select(shard => shard.File));
        Assert.All(sharded, shard => Assert.Equal(
            shard.File.Contains("replica-0", StringComparison.Ordinal), shard.Tensors.Any(name => !name.StartsWith("optimizer.", StringComparison.Ordinal))));
        Assert.Contains(sharded[2].Tensors, name => name.StartsWith("optimizer.exp_avg.h.0.", StringComparison.Ordinal));

        var whole = await FilesAsync("false");
        Assert.Equal(["stage-0.replica-0.safetensors", "stage-1.replica-0.safetensors"], whole.Select(shard => shard.File));
        Assert.DoesNotContain(whole, shard => shard.Tensors.Any(name => name.EndsWith(']')));

        static async Task<IReadOnlyList<Shard>> FilesAsync(string sharded)
        {
            using var run = new TestRun();
            var summary = await run.RunAsync($"parallel={{replicas=2,stages=2,shard-optimizer={sharded}}}", "job.steps=2");
            Assert.Equal(Directory.EnumerateFiles(summary.Checkpoint!, "stage-*").Count(), Manifest.Read(summary.Checkpoint!).Shards.Count);
            return Manifest.Read(summary.Checkpoint!).Shards;
        }
    }
}
