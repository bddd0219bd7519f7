using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Whatever fails in a stage ends the run with one sentence that names stage, action and cause; nothing hangs or leaks.</summary>
public class FailureTests
{
    [Theory]
    [InlineData(0, ActionKind.Forward, "Stage 0 failed while running 0F2: planted in stage 0.")]
    [InlineData(1, ActionKind.Forward, "Stage 1 failed while running 1F2: planted in stage 1.")]
    [InlineData(1, ActionKind.InputGradient, "Stage 1 failed while running 1B2: planted in stage 1.")]
    [InlineData(0, ActionKind.WeightGradient, "Stage 0 failed while running 0B2: planted in stage 0.")]
    public async Task A_failure_in_an_action_names_it(int stage, ActionKind kind, string sentence)
    {
        using var run = new TestRun();
        var summary = await run.RunAsync(
            false, ["parallel.stages=2"], (index, executor) => index == stage ? new FailingExecutor(executor, stage, kind) : executor, CancellationToken.None);
        Assert.Equal("failed", summary.Outcome);
        Assert.Equal(sentence, summary.Failure);
        Assert.Equal(3, summary.Steps);
        Assert.Contains(run.Events, e => e.Kind == "fault" && e.Message == sentence);
        Assert.Equal([1, 2, 3], run.Metrics().Select(line => line.Step));
    }

    [Fact]
    public async Task A_failure_while_a_stage_starts_is_told()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync(
            false, ["parallel.stages=2"], (index, executor) =>
            {
                executor.Dispose();
                throw new InvalidOperationException("no memory for stage " + index);
            },
            CancellationToken.None);
        Assert.StartsWith("Stage ", summary.Failure, StringComparison.Ordinal);
        Assert.EndsWith(" failed while starting: no memory for stage " + summary.Failure!["Stage ".Length] + ".", summary.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_whose_gradient_is_not_finite_is_skipped_by_all_stages()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync(
            false, ["parallel.stages=2"], (index, executor) => index == 0 ? new PoisonedExecutor(executor, 4, 4) : executor, CancellationToken.None);
        Assert.Equal("completed", summary.Outcome);
        Assert.Equal(1, summary.SkippedSteps);
        var skipped = run.Steps.Single(step => step.Skipped);
        Assert.Equal((4, null, null), (skipped.Step, skipped.Loss, skipped.GradNorm));
        Assert.All(run.Steps.Where(step => !step.Skipped), step => Assert.NotNull(step.Loss));
    }

    [Fact]
    public async Task Too_many_skipped_steps_in_a_row_end_the_run()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync(
            false, ["parallel.stages=2", "checkpoint.every=2"], (index, executor) => index == 0 ? new PoisonedExecutor(executor, 3, 99) : executor,
            CancellationToken.None);
        Assert.Equal("failed", summary.Outcome);
        Assert.Equal(
            "Steps 3 to 12 all had a loss or gradient that is not a finite number; a lower optimizer.learning-rate or a longer optimizer.warmup-steps may help. "
            + $"The last checkpoint is {Path.Combine(run.Directory, "checkpoints", "step-00000010")}.",
            summary.Failure);
    }
}
