using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Faults;

/// <summary>Faults in runs of one process; those that end a process, or need a wire, are in the tests of the command.</summary>
public class FaultRunTests
{
    private static readonly string[] Two = ["parallel.stages=2", "checkpoint.every=2"];

    private static readonly Lazy<Task<IReadOnlyList<(long, double, double)>>> Undisturbed = new(async () =>
    {
        using var run = new TestRun();
        await run.RunAsync(Two);
        return run.Metrics();
    });

    [Fact]
    public async Task A_slow_step_takes_long_and_changes_nothing()
    {
        using var run = new TestRun { Inject = ["slow stage=1 step=7 by=40"] };
        await run.RunAsync(Two);
        Assert.Equal(await Undisturbed.Value, run.Metrics());
        Assert.Equal(7, run.Steps.Skip(3).MaxBy(step => step.StepSeconds)!.Step);
        var slow = run.Steps.Single(step => step.Step == 7);
        Assert.True(slow.Stages[1].BusySeconds > 4 * slow.Stages[0].BusySeconds, "The slowed stage was busy, and the other one waited.");
        Assert.Equal("Stage 1: slow stage=1 step=7 by=40, as --inject asks.", Assert.Single(run.Events, e => e.Kind == "injected").Message);
    }

    [Theory]
    [InlineData("forward", 6)]
    [InlineData("backward", 6)]
    [InlineData("ready", 6)]
    [InlineData("commit", 7)]
    public async Task A_failure_comes_where_it_was_asked_for(string phase, int committed)
    {
        using var run = new TestRun { Inject = [$"fail stage=1 step=7 phase={phase}"] };
        var summary = await run.RunAsync(Two);
        Assert.Equal((await Undisturbed.Value).Take(committed), run.Metrics().Take(committed));
        Assert.Contains(run.Events, e => e.Kind == "injected" && e.Message.StartsWith($"Stage 1: fail stage=1 step=7 phase={phase}", StringComparison.Ordinal));
        Assert.Contains($"this was asked for with --inject \"fail stage=1 step=7 phase={phase}\"", summary.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_costs_no_earlier_checkpoint()
    {
        using var run = new TestRun { Inject = ["fill-disk stage=1 step=6"] };
        await run.RunAsync(Two);
        Assert.Equal((await Undisturbed.Value).Take(6), run.Metrics().Take(6));
        Assert.Single(run.Events, e => e.Kind == "injected");
        var checkpoints = Path.Combine(run.Directory, "checkpoints");
        Assert.False(Directory.Exists(Path.Combine(checkpoints, "step-00000006")));
        Assert.NotEqual(6, Checkpoint.Find(run.Directory).Manifest.Step);
        Assert.DoesNotContain(
            Directory.EnumerateFiles(checkpoints, "*", SearchOption.AllDirectories), file => file.EndsWith(".partial", StringComparison.Ordinal));
    }

    /// <summary>Also one whose last part comes when the run is over.</summary>
    [Fact]
    public async Task A_checkpoint_that_is_half_written_when_the_run_fails_leaves_nothing()
    {
        using var run = new TestRun { Inject = ["freeze stage=0 step=4 phase=checkpoint for=1500ms", "fail stage=1 step=5"] };
        Assert.Equal("failed", (await run.RunAsync(Two)).Outcome);
        Assert.Equal(["step-00000002"], Directory.EnumerateFileSystemEntries(Path.Combine(run.Directory, "checkpoints")).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("drop stage=0 step=3", "stage 0 sends no other process anything; the run must be one of several processes, as with --processes 2")]
    [InlineData("corrupt stage=1 step=3 phase=backward", "stage 1 sends no other process anything; the run must be one of several processes, as with --processes 2")]
    [InlineData("kill stage=2 step=3", "stage must be below parallel.stages, which is 2, not 2")]
    public void What_cannot_happen_in_the_run_is_refused(string fault, string problem)
    {
        using var run = new TestRun { Inject = [fault] };
        Assert.StartsWith($"--inject \"{fault}", Assert.Throws<BadInputException>(() => run.Plan(false, Two)).Message, StringComparison.Ordinal);
        Assert.EndsWith($"\": {problem}.", Assert.Throws<BadInputException>(() => run.Plan(false, Two)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_is_over_is_refused()
    {
        using var run = new TestRun();
        await run.RunAsync([.. Two, "job.steps=4"]);
        run.Inject = ["slow stage=0 step=4 by=2"];
        Assert.Equal(
            "--inject \"slow stage=0 step=4 by=2\": step must be above 4, the step that the run continues after.",
            Assert.Throws<BadInputException>(() => run.Plan(true, Two)).Message);
    }
}
