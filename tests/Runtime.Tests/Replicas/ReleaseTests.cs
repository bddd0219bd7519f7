using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Replicas;

public class ReleaseTests
{
    /// <summary>A layer's gradients are on their way before the next layer's are computed; a tied weight's wait for the end of the step.</summary>
    [Fact]
    public void A_bucket_is_released_when_the_gradients_of_its_layer_are_whole()
    {
        using var scope = NewDisposeScope();
        using var run = new TestRun();
        using var plan = run.Plan(false, "batch.micro-batches=2", "parallel.replicas=2");
        using var executor = plan.Stages.CreateExecutor(1, 0, CPU);
        using var plain = plan.Stages.CreateExecutor(1, 0, CPU);
        var parameters = Parameters(executor);
        foreach (var one in new[] { executor, plain })
        {
            one.Forward(1, 0, null);
            one.InputGradient(0, null);
        }

        plain.WeightGradient(0);
        var expected = Parameters(plain).ToDictionary(entry => entry.Key, entry => SumOf(entry.Value.grad!));
        var released = new List<(bool HasLastBlock, long Elements, double Sum)>();
        executor.WeightGradient(0, Add);
        // Position embeddings and the final norm, which have no large weights, then block after block.
        Assert.All(released, bucket => Assert.False(bucket.HasLastBlock));
        Assert.Equal([32L * 16, 64, .. Enumerable.Repeat((12L * 32 * 32) + (13 * 32), 4)], released.Select(bucket => bucket.Elements));
        for (var block = 0; block < 4; block++)
        {
            Assert.Equal(
                expected.Where(entry => entry.Key.StartsWith($"h.{block}.", StringComparison.Ordinal)).Sum(entry => entry.Value), released[2 + block].Sum, 1e-5);
        }

        Assert.All(parameters, entry => Assert.Equal(entry.Key != "wte.weight", entry.Value.grad is null));
        executor.Buckets!.ReleaseTied(Add);
        Assert.Equal(parameters["wte.weight"].numel(), released[6..].Sum(bucket => bucket.Elements));
        Assert.Null(parameters["wte.weight"].grad);

        void Add(int bucket, IReadOnlyList<Tensor> shards)
        {
            // Its own bucket, the last one, has taken it.
            released.Add((parameters["h.3.mlp.c_proj.weight"].grad is not null, shards.Sum(shard => shard.numel()), shards.Sum(SumOf)));
            foreach (var shard in shards)
            {
                shard.Dispose();
            }
        }
    }

    /// <summary>Without tied copies and optimizer state.</summary>
    private static Dictionary<string, Tensor> Parameters(Runtime.Stages.IStageExecutor executor)
    {
        var found = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        executor.Restore((name, value) => _ = !name.StartsWith("optimizer.", StringComparison.Ordinal) && found.TryAdd(name, value));
        return found;
    }

    private static double SumOf(Tensor tensor) => tensor.to(ScalarType.Float64).sum().item<double>();
}
