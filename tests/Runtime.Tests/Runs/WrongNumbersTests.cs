using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Generation;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Wherever a number goes wrong, all stages skip the same step, and nothing of it stays: weights and optimizer state are to the last bit
/// those of a run that skipped the step though all its numbers were right. (Cut evenly: where automatic cuts lie depends on measured times.)</summary>
public class WrongNumbersTests
{
    private const long Step = 4;

    [Theory]
    [InlineData("nan stage=1 step=4 phase=forward", "stages=3")]
    [InlineData("nan stage=1 step=4 phase=backward micro-batch=2", "stages=3")]
    [InlineData("nan stage=0 step=4 phase=forward micro-batch=3", "stages=3")]
    [InlineData("nan stage=0 step=4 phase=backward", "stages=2,schedule=zb-h1")]   // the embedding's gradient
    [InlineData("nan stage=1 step=4 phase=backward", "stages=2,schedule=zb-v")]
    [InlineData("nan stage=1 step=4 phase=forward", "stages=2,recompute=stage")]
    [InlineData("nan stage=1 step=4 replica=1 phase=backward", "stages=2,replicas=2")]
    [InlineData("nan stage=0 step=4 replica=1 phase=forward", "stages=2,replicas=2,shard-optimizer=true")]
    public async Task In_an_activation_or_a_gradient(string fault, string layout)
    {
        string[] overrides = [$"parallel={{split=even,{layout}}}", "model.tie-embeddings=true", "job.steps=7"];
        var expected = await SkippedAsync(new TestRun(), overrides);
        using var run = new TestRun { Inject = [fault] };
        Check(expected, run, await run.RunAsync(overrides));
        Assert.Contains(run.Events, e => e.Kind == "injected" && e.Message.Contains(fault.Split(" phase")[0], StringComparison.Ordinal));
    }

    [Fact]
    public async Task In_a_tied_copys_gradient()
    {
        string[] overrides = ["parallel={split=even,stages=2}", "model.tie-embeddings=true", "job.steps=7"];
        var expected = await SkippedAsync(new TestRun(), overrides);
        using var run = new TestRun();
        Check(expected, run, await run.RunAsync(
            false, overrides, (stage, executor) => stage == 1 ? new WrongTiedGradient(executor) : executor, CancellationToken.None));
    }

    /// <summary>What layers keep from step to step must not keep it.</summary>
    [Theory]
    [MemberData(nameof(SmallModel.AllNames), MemberType = typeof(SmallModel))]
    public async Task In_any_family(string family)
    {
        var model = SmallModel.SettingsOf(family);
        string[] overrides = [.. SmallModel.DataOf(model), "parallel={split=even,stages=2}", "job.steps=6"];
        var expected = await SkippedAsync(new TestRun(model: model), overrides);
        using var run = new TestRun(model: model) { Inject = [$"nan stage=1 step={Step}"] };
        Check(expected, run, await run.RunAsync(overrides));
    }

    [Fact]
    public async Task Too_many_in_a_row_stop_the_run_with_the_last_good_state_saved()
    {
        using var good = new TestRun();
        await good.RunAsync("parallel={split=even,stages=2}", "job.steps=4");
        using var run = new TestRun();
        string[] overrides = ["parallel={split=even,stages=2}", "recovery.most-skips=3"];
        var summary = await run.RunAsync(
            false, overrides, (stage, executor) => stage == 1 ? new PoisonedExecutor(executor, 5, 99) : executor, CancellationToken.None);
        var checkpoint = Path.Combine(run.Directory, "checkpoints", "step-00000007");
        Assert.Equal(("failed", 7, 3, checkpoint), (summary.Outcome, summary.Steps, summary.SkippedSteps, summary.Checkpoint));
        Assert.Equal(
            "Steps 5 to 7 all had a loss or gradient that is not a finite number; a lower optimizer.learning-rate or a longer optimizer.warmup-steps may help. "
            + $"The last checkpoint is {checkpoint}.",
            summary.Failure);
        Assert.Equal(Weights(good), Weights(run));

        var resumed = await run.ResumeAsync(overrides);
        Assert.Equal(("completed", 12), (resumed.Outcome, resumed.Steps));
    }

    [Fact]
    public async Task A_run_that_never_took_a_step_saves_nothing()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync(
            false, ["parallel={split=even,stages=2}", "recovery.most-skips=1"], (_, executor) => new PoisonedExecutor(executor, 1, 99), CancellationToken.None);
        Assert.Equal(
            "Step 1 had a loss or gradient that is not a finite number; a lower optimizer.learning-rate or a longer optimizer.warmup-steps may help. "
            + "There is no checkpoint, for no step was applied.",
            summary.Failure);
        Assert.Null(summary.Checkpoint);
    }

    [Fact]
    public async Task A_loss_that_leaps_is_an_event_and_the_run_goes_on()
    {
        using var run = new TestRun();
        string[] overrides = ["parallel={split=even,stages=2}", "job.steps=30", "checkpoint.every=20"];
        var summary = await run.RunAsync(
            false, overrides, (stage, executor) => stage == 1 ? new HighLoss(executor, 25, 26) : executor, CancellationToken.None);
        Assert.Equal("completed", summary.Outcome);
        var spike = Assert.Single(run.Events, e => e.Kind == "loss-spike");
        Assert.Equal((25, run.Steps[24].Loss), (spike.Step, spike.Loss));
        Assert.StartsWith("The loss of step 25 leaps to ", spike.Message, StringComparison.Ordinal);

        // A run that continues from a checkpoint has not seen enough to tell.
        Directory.Delete(Path.Combine(run.Directory, "checkpoints", "step-00000030"), recursive: true);
        run.Events.Clear();
        using var stop = new CancellationTokenSource();
        summary = await run.RunAsync(true, overrides, (stage, executor) => stage == 1 ? new HighLoss(executor, 25, 26) : executor, stop.Token);
        Assert.Equal("completed", summary.Outcome);
        Assert.DoesNotContain(run.Events, e => e.Kind == "loss-spike");
    }

    private static void Check((double?[] Losses, object Weights) expected, TestRun run, RunSummary summary)
    {
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        Assert.Equal([Step], run.Steps.Where(step => step.Skipped).Select(step => step.Step));
        Assert.Equal(expected.Losses, run.Steps.Select(step => step.Loss));
        Assert.Equal(expected.Weights, Weights(run));
    }

    /// <summary>A run whose numbers are right, and which is made to skip the step.</summary>
    private static async Task<(double?[] Losses, object Weights)> SkippedAsync(TestRun run, string[] overrides)
    {
        using (run)
        {
            var summary = await run.RunAsync(
                false, overrides, (stage, executor) => stage == 0 ? new PoisonedExecutor(executor, Step, Step) : executor, CancellationToken.None);
            Assert.Equal(("completed", 1), (summary.Outcome, summary.SkippedSteps));
            return ([.. run.Steps.Select(step => step.Loss)], Weights(run));
        }
    }

    /// <summary>With the optimizer's state.</summary>
    private static object Weights(TestRun run) => Checkpoint.Find(run.Directory).Manifest.Shards.Select(shard => (shard.File, shard.Sha256)).ToArray();

    private abstract class InStep(IStageExecutor inner, long first, long last) : ExecutorWrapper(inner)
    {
        private long current;

        protected bool IsNow => current >= first && current <= last;

        public override Tensor? Forward(long step, int microBatch, Tensor? input)
        {
            current = step;
            return base.Forward(step, microBatch, input);
        }
    }

    private sealed class WrongTiedGradient(IStageExecutor inner) : InStep(inner, Step, Step)
    {
        public override Tensor TakeTiedGradient(TiedCopy copy)
        {
            var gradient = base.TakeTiedGradient(copy);
            return IsNow ? Arithmetic.Scale(gradient, double.NaN) : gradient;
        }
    }

    private sealed class HighLoss(IStageExecutor inner, long first, long last) : InStep(inner, first, last)
    {
        public override PassResult TakeLoss()
        {
            var result = base.TakeLoss();
            return IsNow ? result with { Loss = 4 * result.Loss } : result;
        }
    }
}
