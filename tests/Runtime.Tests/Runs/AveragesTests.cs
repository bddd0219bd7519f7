using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Evaluation;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

public class AveragesTests
{
    private static readonly string[] Common = ["batch={sequences=12,micro-batches=12}", "evaluation={every=3,batches=2}", "optimizer={warmup-steps=2,ema=0.8}"];

    [Theory]
    [InlineData("precision={}", "stages=2")]
    [InlineData("precision={}", "stages=4,schedule=zb-h1")]
    [InlineData("precision={}", "stages=2,schedule=zb-v,recompute=stage")]
    [InlineData("model.tie-embeddings=false", "stages=2,schedule=interleaved-1f1b")]
    [InlineData("precision={parameters=bfloat16,compute=bfloat16}", "stages=2,schedule=zb-v")]
    public async Task Validation_losses_of_the_averages_do_not_depend_on_the_layout(string job, string layout)
    {
        var one = await LossesAsync("stages=1", job);
        Assert.Equal(4, one.Count(step => step.Validation is not null));
        Assert.Equal(one, await LossesAsync(layout, job));
    }

    [Fact]
    public async Task A_sharded_optimizer_gives_every_replica_the_same_averages()
    {
        var plain = await LossesAsync("replicas=3,shard-optimizer=false");
        Assert.Equal(plain, await LossesAsync("replicas=3"));
        Assert.Equal(plain, await LossesAsync("replicas=3,stages=2,schedule=zb-v"));
    }

    /// <summary>Parameters come back from an evaluation as they were; the averages are another model.</summary>
    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    public async Task Averages_change_no_loss_of_the_training_and_every_validation_loss(string compute)
    {
        var with = await LossesAsync("stages=2", $"precision.compute={compute}");
        var without = await LossesAsync("stages=2", $"precision.compute={compute}", "optimizer.ema=0");
        Assert.Equal(without.Select(step => step.Loss), with.Select(step => step.Loss));
        Assert.All(without.Zip(with).Where(pair => pair.First.Validation is not null), pair => Assert.NotEqual(pair.First.Validation, pair.Second.Validation));
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    public async Task Whoever_uses_the_checkpoint_has_the_averages(string precision)
    {
        using var run = new TestRun();
        await run.RunAsync([.. Common, "parallel={stages=2,replicas=2}", $"precision={{parameters={precision},compute={precision}}}"]);
        var model = TrainedModel.Open(run.Directory, Families.All, Assert.Fail);
        foreach (var stages in new[] { 1, 4 })
        {
            using var evaluation = new EvaluationRun(model, null, stages, null, null);
            Assert.Equal(run.Steps[^1].ValidationLoss, (await evaluation.RunAsync(TestContext.Current.CancellationToken)).Loss);
        }

        using var scope = NewDisposeScope();
        using var gradientsOff = no_grad();
        using var folder = new TemporaryFolder();
        var type = precision == "float32" ? ScalarType.Float32 : ScalarType.BFloat16;
        new HuggingFaceExport(run.Directory, Families.All).Write(folder.File("exported"), long.MaxValue, false);
        using var exported = SafeTensorsFile.Open(folder.File(Path.Combine("exported", "model.safetensors")));
        using var reader = model.Checkpoint.Read();
        foreach (var definition in model.Definition.Parameters)
        {
            var average = empty([.. definition.Shape]);
            reader.ReadInto($"ema.{definition.Name}", average);
            var loaded = empty([.. definition.Shape], type);
            model.Plan(1, "cpu").Load(new Dictionary<string, Tensor> { [definition.Name] = loaded });
            Assert.Equal(0, Difference(average.to(type), loaded));
            var name = exported.Entries.Keys.Single(key => key.EndsWith(definition.Name, StringComparison.Ordinal));
            var written = exported.Read(name);
            Assert.Equal(0, Difference(loaded, definition.Shape.SequenceEqual(written.shape) && !name.Contains(".c_", StringComparison.Ordinal) ? written : definition.Shape.Count == 2 ? written.t() : written));
        }
    }

    [Fact]
    public async Task An_average_follows_the_values_after_each_step_that_was_applied()
    {
        using var run = new TestRun();
        await run.RunReplicasAsync(
            false, [.. Common, "parallel.stages=2", "checkpoint={every=1,keep=50}", "job.steps=6"],
            (replica, stage, executor) => new PoisonedExecutor(executor, 4, 4), CancellationToken.None);
        Assert.True(run.Steps[3].Skipped);
        using var plan = run.Plan(false, Common);
        foreach (var definition in plan.Partition.Model.Parameters)
        {
            using var scope = NewDisposeScope();
            using var initial = new Parameter(definition, plan.Job.Job.Seed, ScalarType.Float32, CPU);
            var expected = initial.Value.detach().clone();
            for (var step = 1; step <= 6; step++)
            {
                var checkpoint = Checkpoint.Open(Path.Combine(run.Directory, "checkpoints", $"step-{step:D8}"));
                if (step != 4)
                {
                    expected = (0.8 * expected) + ((1 - 0.8) * Read(checkpoint, definition, ""));
                }

                Assert.Equal(0, Difference(expected, Read(checkpoint, definition, "ema.")), 1e-6);
            }
        }
    }

    [Theory]
    [InlineData("stages=2", "stages=4,schedule=zb-h1")]
    [InlineData("stages=2,replicas=2", "stages=1,replicas=2,shard-optimizer=false")]
    public async Task A_resumed_run_goes_on_with_its_averages(string before, string after)
    {
        var straight = await LossesAsync(before);
        using var run = new TestRun();
        await run.RunAsync([.. Common, "job.steps=5", $"parallel={{{before}}}"]);
        run.Steps.Clear();
        await run.ResumeAsync([.. Common, $"parallel={{{after}}}"]);
        Assert.Equal(straight.Skip(5), run.Steps.Select(step => (step.Loss, step.ValidationLoss)));
    }

    [Fact]
    public async Task A_resumed_run_may_turn_averages_on_and_off()
    {
        using var run = new TestRun();
        await run.RunAsync([.. Common, "optimizer.ema=0", "job.steps=3"]);
        run.Steps.Clear();
        // So slow that the averages of the next steps are still the parameters of the checkpoint.
        await run.ResumeAsync([.. Common, "optimizer.ema=0.9999999", "job.steps=4", "evaluation.every=1"]);
        using (var evaluation = new EvaluationRun(TrainedModel.Open(Path.Combine(run.Directory, "checkpoints", "step-00000003"), Families.All, Assert.Fail), null, null, null, 2))
        {
            var then = await evaluation.RunAsync(TestContext.Current.CancellationToken);
            Assert.Equal(then.Loss, run.Steps[0].ValidationLoss!.Value, 1e-6);
        }

        var summary = await run.ResumeAsync([.. Common, "optimizer.ema=0", "job.steps=5"]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        Assert.DoesNotContain(Checkpoint.Open(summary.Checkpoint!).Manifest.Shards.SelectMany(shard => shard.Tensors), name => name.StartsWith("ema.", StringComparison.Ordinal));
    }

    private static Tensor Read(Checkpoint checkpoint, ParameterDefinition definition, string prefix)
    {
        using var reader = checkpoint.Read();
        var value = empty([.. definition.Shape]);
        reader.ReadInto(prefix + definition.Name, value);
        return value;
    }

    private static double Difference(Tensor one, Tensor other) => (one.to(ScalarType.Float64) - other.to(ScalarType.Float64)).abs().max().item<double>();

    private static async Task<IReadOnlyList<(double? Loss, double? Validation)>> LossesAsync(string layout, params string[] job)
    {
        using var run = new TestRun();
        var summary = await run.RunAsync([.. Common, $"parallel={{{layout}}}", .. job]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return [.. run.Steps.Select(step => (step.Loss, step.ValidationLoss))];
    }
}
