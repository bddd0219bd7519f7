using Pipeline.Runtime.Checkpoints;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

public class ParameterUpdateTests
{
    private static readonly string[] Common = ["batch={sequences=12,micro-batches=12}", "evaluation={every=4,batches=1}", "optimizer={warmup-steps=2,ema=0.7}"];

    [Theory]
    [InlineData("Mixed", "stages=2")]
    [InlineData("Mixed", "stages=4,schedule=zb-h1")]
    [InlineData("Mixed", "stages=2,schedule=zb-v,recompute=1")]
    [InlineData("FixedEnds", "stages=4")]
    [InlineData("FixedEnds", "stages=2,schedule=zb-v,recompute=1")]
    public async Task The_layout_does_not_change_a_bit(string model, string layout) =>
        Assert.Equal(await LossesAsync(model, "stages=1"), await LossesAsync(model, layout));

    [Theory]
    [InlineData("Mixed")]
    [InlineData("FixedEnds")]
    public async Task Nor_does_a_sharded_optimizer_on_several_replicas(string model)
    {
        var plain = await LossesAsync(model, "replicas=2,shard-optimizer=false");
        Assert.Equal(plain, await LossesAsync(model, "replicas=2"));
        Assert.Equal(plain, await LossesAsync(model, "replicas=2,stages=2,schedule=zb-v"));
        Assert.All(plain.Zip(await LossesAsync(model, "replicas=1")), pair => Assert.Equal(pair.Second.Loss!.Value, pair.First.Loss!.Value, 1e-6 * pair.Second.Loss.Value));
    }

    [Fact]
    public async Task Each_parameter_changes_as_it_asks_for_and_only_the_optimizers_have_state()
    {
        using var run = new TestRun(family: UpdatesOfTheirOwn.Mixed);
        var summary = await run.RunAsync([.. Common, "parallel.stages=2", "checkpoint={every=1,keep=50}", "job.steps=5"]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        var checkpoints = Enumerable.Range(1, 5).Select(step => Checkpoint.Open(Path.Combine(run.Directory, "checkpoints", $"step-{step:D8}"))).ToArray();
        using var plan = run.Plan(false);
        foreach (var definition in plan.Partition.Model.Parameters)
        {
            using var scope = NewDisposeScope();
            var values = checkpoints.Select(checkpoint => Read(checkpoint, definition)).ToArray();
            var names = checkpoints[^1].Manifest.Shards.SelectMany(shard => shard.Tensors).Where(name => name.EndsWith($".{definition.Name}", StringComparison.Ordinal)).ToArray();
            Assert.Equal(definition.IsOptimized ? 3 : 0, names.Length);   // two moments and an average
            for (var step = 1; step < 5; step++)
            {
                var change = values[step] - values[step - 1];
                if (definition.Update is ParameterUpdate.BySign(var rate, var decay))
                {
                    var move = (values[step] - (values[step - 1] * (1 - (rate * decay)))) / rate;
                    Assert.Equal(0, (move - move.round()).abs().max().item<float>(), 1e-2);
                    Assert.Equal(1, move.abs().max().item<float>(), 1e-2);
                }
                else
                {
                    Assert.Equal(definition.IsFixed, change.abs().max().item<float>() == 0);
                }
            }
        }
    }

    [Theory]
    [InlineData("replicas=1")]
    [InlineData("replicas=2,shard-optimizer=false")]
    [InlineData("replicas=2")]
    public async Task A_gradient_that_is_no_number_skips_the_step_though_it_is_no_part_of_the_norm(string layout)
    {
        using var run = new TestRun(family: UpdatesOfTheirOwn.Mixed);
        var seen = new List<string>();
        var summary = await run.RunReplicasAsync(
            false, [.. Common, $"parallel={{{layout}}}", "job.steps=4"],
            (replica, stage, executor) => new NotANumber(executor, replica, seen),
            CancellationToken.None);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        Assert.Equal([false, false, true, false], run.Steps.Select(step => step.Skipped));
        Assert.All(UpdatesOfTheirOwn.Mixed.Updates.Keys, name => Assert.DoesNotContain(name, seen));
        Assert.Contains("h.1.ln_1.bias", seen);
    }

    private static Tensor Read(Checkpoint checkpoint, ParameterDefinition definition)
    {
        using var reader = checkpoint.Read();
        var value = empty([.. definition.Shape]);
        reader.ReadInto(definition.Name, value);
        return value;
    }

    private static async Task<IReadOnlyList<(double? Loss, double? Norm, double? Validation)>> LossesAsync(string model, string layout)
    {
        using var run = new TestRun(family: UpdatesOfTheirOwn.Named(model));
        var summary = await run.RunAsync([.. Common, $"parallel={{{layout}}}"]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return [.. run.Steps.Select(step => (step.Loss, step.GradNorm, step.ValidationLoss))];
    }

    /// <summary>In step 3 one gradient of the first replica is not a number before the replicas add it up.</summary>
    private sealed class NotANumber(Pipeline.Runtime.Stages.IStageExecutor inner, int replica, List<string> seen) : ExecutorWrapper(inner)
    {
        private long current;

        public override Tensor? Forward(long step, int microBatch, Tensor? input)
        {
            current = step;
            return base.Forward(step, microBatch, input);
        }

        public override void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release)
        {
            if (current == 3 && replica == 0)
            {
                Restore((name, value) =>
                {
                    if (name == "h.2.mlp.c_fc.weight")
                    {
                        using var gradient = value.grad;
                        gradient?.fill_(double.NaN);
                    }
                });
            }

            base.WeightGradient(microBatch, release);
        }

        public override IReadOnlyList<KeyValuePair<string, double>> GradientSquares()
        {
            var squares = base.GradientSquares();
            lock (seen)
            {
                seen.AddRange(squares.Where(square => current != 3).Select(square => square.Key));
            }

            return squares;
        }
    }
}
