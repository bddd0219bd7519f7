using System.Collections.Concurrent;
using System.Security.Cryptography;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Replicas;

public class ReplicasTests
{
    private static readonly string[] TwelveSequences = ["batch={sequences=12,micro-batches=12}", "model.dropout=0.1", "optimizer.warmup-steps=2"];
    private static readonly Lazy<Task<IReadOnlyList<(long, double, double)>>> One = new(() => LossesAsync("replicas=1"));
    private static readonly Lazy<Task<IReadOnlyList<(long, double, double)>>> Two = new(() => LossesAsync("replicas=2"));

    /// <summary>The same sums in another order; how many there are is not layout.</summary>
    [Theory]
    [InlineData("replicas=2")]
    [InlineData("replicas=3")]
    [InlineData("replicas=3,stages=2,schedule=zb-v")]
    [InlineData("replicas=2,stages=2,schedule=looped-bfs")]
    public async Task Replicas_train_as_one_does(string layout) => AssertClose(await One.Value, await LossesAsync(layout));

    /// <summary>Gradients are added up in an order that depends on the model and the number of replicas alone: the promise holds for any number.</summary>
    [Theory]
    [InlineData("replicas=2,stages=2")]
    [InlineData("replicas=2,stages=2,shard-optimizer=false")]
    [InlineData("replicas=2,stages=2,schedule=zb-v,recompute=stage")]
    [InlineData("replicas=2,stages=2,schedule=interleaved-1f1b,shard-optimizer=false")]
    [InlineData("replicas=2,stages=4")]
    public async Task Stages_schedules_and_a_sharded_optimizer_do_not_change_a_bit(string layout) => Assert.Equal(await Two.Value, await LossesAsync(layout));

    [Theory]
    [InlineData("model.tie-embeddings=false")]
    [InlineData("precision.compute=bfloat16")]
    [InlineData("precision={parameters=bfloat16,compute=bfloat16}")]
    [InlineData("optimizer.clip-norm=0")]
    public async Task Other_jobs_have_the_same_bits_for_any_layout_too(string job)
    {
        var whole = await LossesAsync("replicas=3,shard-optimizer=false", job);
        Assert.Equal(whole, await LossesAsync("replicas=3,stages=2,schedule=zb-v", job));
        if (!job.Contains("bfloat16", StringComparison.Ordinal))
        {
            AssertClose(await LossesAsync("replicas=1", job), whole);
        }
    }

    [Theory]
    [InlineData("stages=2")]
    [InlineData("stages=2,shard-optimizer=false")]
    [InlineData("stages=2,schedule=zb-v")]
    public async Task All_replicas_hold_equal_parameters(string layout)
    {
        using var run = new TestRun();
        var executors = new ConcurrentDictionary<(int Replica, int Stage), IStageExecutor>();
        var compared = 0;
        run.OnStep = step =>
        {
            // Validation comes before the line is written, so all stages stand still.
            var parameters = executors.ToLookup(entry => entry.Key.Replica, entry => entry.Value).ToDictionary(replica => replica.Key, replica => Parameters(replica));
            foreach (var other in new[] { 1, 2 })
            {
                Assert.Equal(parameters[0].Keys, parameters[other].Keys);
                Assert.All(parameters[0], entry => Assert.Equal(entry.Value, parameters[other][entry.Key]));
                compared++;
            }
        };
        var summary = await run.RunReplicasAsync(
            false, [.. TwelveSequences, $"parallel={{replicas=3,{layout}}}", "job.steps=6", "evaluation={every=1,batches=1}"],
            (replica, stage, executor) => executors[(replica, stage)] = executor,
            CancellationToken.None);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        Assert.Equal(12, compared);
    }

    [Fact]
    public async Task A_skipped_step_is_skipped_by_all_replicas()
    {
        var runs = new List<IReadOnlyList<double?>>();
        foreach (var layout in new[] { "replicas=2", "replicas=2,stages=2", "replicas=2,stages=2,shard-optimizer=false" })
        {
            using var run = new TestRun();
            var summary = await run.RunReplicasAsync(
                false, [.. TwelveSequences, $"parallel={{{layout}}}"],
                (replica, stage, executor) => (replica, stage) == (1, 0) ? new PoisonedExecutor(executor, 4, 5) : executor,
                CancellationToken.None);
            Assert.Equal(("completed", 2), (summary.Outcome, summary.SkippedSteps));
            runs.Add([.. run.Steps.Select(step => step.Loss)]);
        }

        Assert.Equal(12, runs[0].Count);
        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    [Theory]
    [InlineData("true", 0.5)]
    [InlineData("false", 1.0)]
    public void A_sharded_optimizer_has_half_the_state_on_each_of_two_replicas(string sharded, double share)
    {
        using var run = new TestRun();
        using var plan = run.Plan(false, $"parallel={{replicas=2,shard-optimizer={sharded}}}");
        for (var replica = 0; replica < 2; replica++)
        {
            using var executor = plan.Stages.CreateExecutor(replica, 0, CPU);
            var moments = 0L;
            executor.Restore((name, value) => moments += name.StartsWith("optimizer.", StringComparison.Ordinal) ? value.numel() : 0);
            Assert.Equal(2 * share, (double)moments / plan.Partition.Model.ParameterCount, 0.01);
        }
    }

    /// <summary>Bit patterns by name, tied copies too.</summary>
    private static SortedDictionary<string, string> Parameters(IEnumerable<IStageExecutor> executors)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var executor in executors)
        {
            executor.Restore((name, value) =>
            {
                if (!name.StartsWith("optimizer.", StringComparison.Ordinal))
                {
                    using var values = value.detach();
                    var bytes = Convert.ToHexString(SHA256.HashData(values.bytes));
                    Assert.Equal(bytes, found.TryAdd(name, bytes) ? bytes : found[name]);
                }
            });
        }

        return found;
    }

    private static void AssertClose(IReadOnlyList<(long Step, double Loss, double Norm)> expected, IReadOnlyList<(long Step, double Loss, double Norm)> actual)
    {
        Assert.Equal(12, actual.Count);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-6 * pair.First.Loss));
    }

    private static async Task<IReadOnlyList<(long, double, double)>> LossesAsync(string layout, string? job = null)
    {
        using var run = new TestRun();
        var summary = await run.RunAsync([.. TwelveSequences, $"parallel={{{layout}}}", .. job is null ? Array.Empty<string>() : [job]]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return run.Metrics();
    }
}
