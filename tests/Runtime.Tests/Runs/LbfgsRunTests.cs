using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Stages.Kan;

namespace Pipeline.Runtime.Tests.Runs;

public class LbfgsRunTests
{
    private static readonly string[] Common =
        ["batch={sequences=12,micro-batches=12}", "optimizer={kind=lbfgs,learning-rate=1,warmup-steps=0,history=4}", "job.steps=16"];

    private static readonly ModelSettings Kan = new KanSettings("kan", Widths: [2, 3, 1], GridUpdateEvery: 0);

    private static readonly string[] OfPoints =
        [.. Common, "data={kind=function,inputs=2,formula=[\"exp(x1)*x2\"],points=12}", "precision={parameters=float64,compute=float64}"];

    private static readonly string Text = string.Concat(Enumerable.Repeat("0123456789abcdef", 400));

    [Theory]
    [InlineData("stages=2")]
    [InlineData("stages=4,schedule=zb-h1")]
    [InlineData("stages=2,schedule=zb-v,recompute=stage")]
    public async Task The_layout_does_not_change_a_bit(string layout)
    {
        var one = await MetricsAsync("stages=1");
        Assert.True(one[^1].Loss < one[0].Loss);
        Assert.Equal(one, await MetricsAsync(layout));
    }

    [Fact]
    public async Task Several_replicas_have_the_same_bits_for_any_layout_and_nearly_those_of_one()
    {
        var two = await MetricsAsync("replicas=2");
        Assert.Equal(two, await MetricsAsync("replicas=2,stages=2,schedule=zb-v"));
        var one = await MetricsAsync("replicas=1");
        Assert.All(one.Zip(two).Take(5), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-5 * pair.First.Loss));
    }

    [Theory]
    [InlineData("stages=2", "stages=1", 6)]
    [InlineData("stages=1", "stages=4,schedule=zb-h1", 9)]
    [InlineData("stages=1,replicas=2", "stages=2,replicas=2", 11)]
    public async Task A_run_that_is_resumed_on_its_way_goes_on_with_the_same_bits(string before, string after, int steps)
    {
        var straight = await MetricsAsync(before);
        using var run = new TestRun(Text);
        await run.RunAsync([.. Common, $"parallel={{{before}}}", $"checkpoint.every={steps}"]);
        Assert.Equal(straight, run.Metrics());
        foreach (var later in Directory.EnumerateDirectories(Path.Combine(run.Directory, "checkpoints")).Where(path => !path.EndsWith($"{steps:D8}", StringComparison.Ordinal)))
        {
            Directory.Delete(later, recursive: true);
        }

        var summary = await run.ResumeAsync([.. Common, $"parallel={{{after}}}"]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        Assert.Equal(straight, run.Metrics());
    }

    /// <summary>What a run leaves is no trial: the next step's loss is the lowest of all.</summary>
    /// <param name="stops">In the middle, or after the last step.</param>
    [Theory]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(7, true)]
    [InlineData(12, false)]
    public async Task A_run_ends_at_the_best_point_known(int steps, bool stops)
    {
        using var run = new TestRun(null, Kan);
        using var stop = new CancellationTokenSource();
        run.OnStep = step =>
        {
            if (stops && step.Step == steps)
            {
                stop.Cancel();
            }
        };
        var summary = await run.RunAsync(false, [.. OfPoints, $"job.steps={(stops ? 1000 : steps)}"], null, stop.Token);
        Assert.Equal(stops ? "interrupted" : "completed", summary.Outcome);
        var lowest = run.Steps.Min(step => step.Loss);
        await run.ResumeAsync([.. OfPoints, $"job.steps={summary.Steps + 1}"]);
        Assert.Equal(lowest, run.Steps[^1].Loss);
    }

    [Fact]
    public async Task More_skipped_trials_in_a_row_than_end_another_run_end_no_line_search()
    {
        using var run = new TestRun(Text);
        var summary = await run.RunAsync(false, Common, (_, executor) => new PoisonedExecutor(executor, 3, 14), CancellationToken.None);
        Assert.Equal(("completed", null, 12), (summary.Outcome, summary.Failure, summary.SkippedSteps));
    }

    [Fact]
    public void Batches_that_differ_are_warned_of()
    {
        using var text = new TestRun();
        using var points = new TestRun(null, Kan);
        using (var plan = text.Plan(false, Common))
        {
            Assert.StartsWith("optimizer.kind is lbfgs, which compares the losses of steps, and here each step has another batch;", Assert.Single(plan.Warnings), StringComparison.Ordinal);
        }

        using (var plan = points.Plan(false, OfPoints))
        {
            Assert.Empty(plan.Warnings);
        }

        using (var plan = points.Plan(false, [.. OfPoints, "data.points=13"]))
        {
            Assert.Single(plan.Warnings);
        }
    }

    [Fact]
    public async Task A_manifest_of_other_pairs_is_refused()
    {
        using var run = new TestRun(Text);
        var summary = await run.RunAsync([.. Common, "job.steps=2"]);
        var path = Path.Combine(summary.Checkpoint!, "manifest.json");
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken))!;
        manifest["format"] = 1;   // which has no hash
        manifest["lbfgs"]!["changes"]!.AsArray().RemoveAt(3);
        await File.WriteAllTextAsync(path, manifest.ToJsonString(), TestContext.Current.CancellationToken);
        Assert.Equal($"{path}: lbfgs is not of 4 pairs, as optimizer.history has it.", Assert.Throws<BadInputException>(() => run.Plan(true, Common)).Message);
    }

    /// <summary>Back from where there is no loss: the step counts as skipped, and the next is nearer to the line's start.</summary>
    [Fact]
    public async Task A_loss_that_is_not_finite_is_left_again_on_all_stages()
    {
        var runs = new List<IReadOnlyList<double?>>();
        foreach (var layout in new[] { "stages=1", "stages=2" })
        {
            using var run = new TestRun(Text);
            var summary = await run.RunAsync(
                false, [.. Common, $"parallel={{{layout}}}"], (stage, executor) => stage == 0 ? new PoisonedExecutor(executor, 4, 5) : executor, CancellationToken.None);
            Assert.Equal(("completed", 2), (summary.Outcome, summary.SkippedSteps));
            Assert.True(run.Steps[^1].Loss < run.Steps[0].Loss);
            runs.Add([.. run.Steps.Select(step => step.Loss)]);
        }

        Assert.Equal(runs[0], runs[1]);
    }

    [Theory]
    [InlineData("optimizer.warmup-steps=5", "optimizer.warmup-steps is not a key of the optimizer lbfgs.")]
    [InlineData("model.dropout=0.1", "model.dropout must be 0 when optimizer.kind is lbfgs, which compares losses of the parameters alone.")]
    [InlineData("optimizer.ema=0.9", "optimizer.ema is not a key of the optimizer lbfgs.")]
    [InlineData("parallel={replicas=2,shard-optimizer=false}", "parallel.shard-optimizer must not be false when optimizer.kind is lbfgs.")]
    [InlineData("optimizer={kind=adamw,history=5}", "optimizer.history is not a key of the optimizer adamw.")]
    [InlineData("optimizer={kind=adam-atan2,epsilon=1e-3,history=10}", "optimizer.epsilon is not a key of the optimizer adam-atan2.")]
    public void Keys_that_do_not_go_together_are_refused(string key, string sentence)
    {
        using var run = new TestRun();
        Assert.EndsWith(sentence, Assert.Throws<BadInputException>(() => run.Plan(false, [.. Common, key])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optimizer.history=5", "optimizer.history = 5, but * was trained with history = 4; a resumed run must keep it.")]
    [InlineData("optimizer={kind=adamw,history=10}", "optimizer.kind = adamw, but * was trained with kind = lbfgs; a resumed run must keep it.")]
    public async Task A_resumed_run_keeps_what_there_is_state_of(string key, string sentence)
    {
        using var run = new TestRun(Text);
        var summary = await run.RunAsync([.. Common, "job.steps=2"]);
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, [.. Common, key]));
        Assert.Equal($"--resume: {sentence}".Replace("*", summary.Checkpoint, StringComparison.Ordinal), refusal.Message);
    }

    private static async Task<IReadOnlyList<(long Step, double Loss, double Norm)>> MetricsAsync(string layout)
    {
        using var run = new TestRun(Text);
        var summary = await run.RunAsync([.. Common, $"parallel={{{layout}}}"]);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return run.Metrics();
    }
}
