using Pipeline.Core.Schedules;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>The promise: on a CPU the losses do not depend on the layout, to the last bit.</summary>
public class ExactnessTests
{
    /// <summary>Real text; a model of which every rank can hold several stages, with everything on that could tell layouts apart.</summary>
    private static readonly string[] Shakespeare =
    [
        "job.steps=40", "model.layers=8", "model.width=32", "model.heads=4", "model.context=32", "model.dropout=0.1",
        "batch.sequences=16", "batch.micro-batches=8",
    ];

    private static readonly Lazy<Task<IReadOnlyList<(long, double, double)>>> OneStage = new(() => OnShakespeareAsync("schedule = 1f1b, stages = 1"));

    public static TheoryData<string> Schedules => [.. ScheduleCatalog.Names.Where(name => name != "looped-bfs"), AutomaticSchedule.Name, CustomSchedule.Name];

    [Theory]
    [MemberData(nameof(Schedules))]
    public async Task Every_schedule_gives_the_losses_and_norms_of_one_stage(string schedule)
    {
        var expected = await OneStage.Value;
        Assert.Equal(40, expected.Count);
        using var folder = new TemporaryFolder();
        var custom = schedule == CustomSchedule.Name;
        await File.WriteAllTextAsync(folder.File("s.csv"), Irregular(), TestContext.Current.CancellationToken);
        var layout = custom ? $"schedule = custom, schedule-file = \"{folder.File("s.csv")}\"" : $"schedule = {schedule}";
        Assert.Equal(expected, await OnShakespeareAsync($"{layout}, stages = {(custom ? 2 : 4)}"));
        Assert.Equal(expected, await OnShakespeareAsync($"{layout}, stages = 2, recompute = stage"));
    }

    /// <summary>Its backwards run in descending order, so its sums round otherwise: it has a single stage of its own to equal.</summary>
    [Fact]
    public async Task Looped_breadth_first_gives_the_losses_of_one_stage_in_its_own_order_and_nearly_those_of_the_others()
    {
        var own = await OnShakespeareAsync("schedule = looped-bfs, stages = 1, chunks = 1");
        Assert.Equal(own, await OnShakespeareAsync("schedule = looped-bfs, stages = 4"));
        Assert.Equal(own, await OnShakespeareAsync("schedule = looped-bfs, stages = 2, chunks = 3, recompute = 1"));
        var others = await OneStage.Value;
        Assert.NotEqual(others, own);
        Assert.All(own.Zip(others), pair => Assert.Equal(pair.Second.Item2, pair.First.Item2, 1e-6 * pair.Second.Item2));
    }

    [Theory]
    [InlineData("stage")]
    [InlineData("1")]
    [InlineData("3")]
    public async Task Recomputing_activations_changes_nothing(string recompute)
    {
        Assert.Equal(await OneStage.Value, await OnShakespeareAsync($"schedule = 1f1b, stages = 1, recompute = {recompute}"));
        Assert.Equal(await OneStage.Value, await OnShakespeareAsync($"schedule = zb-v, stages = 2, recompute = {recompute}"));
    }

    [Theory]
    [InlineData(true, 0.0)]
    [InlineData(true, 0.1)]
    [InlineData(false, 0.0)]
    [InlineData(false, 0.1)]
    public async Task Tied_or_not_and_with_dropout_or_without_layouts_are_equal(bool tied, double dropout)
    {
        var runs = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var layout in new[] { "stages=1", "stages=2,schedule=gpipe", "stages=4,schedule=1f1b", "stages=4,schedule=zb-h1", "stages=2,schedule=zb-v", "stages=2,schedule=interleaved-1f1b" })
        {
            runs.Add(await LossesAsync(null, [$"parallel={{{layout}}}", $"model.tie-embeddings={(tied ? "true" : "false")}", $"model.dropout={dropout}"]));
        }

        Assert.Equal(12, runs[0].Count);
        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    /// <summary>In bfloat16 the weights are used through cast copies, which must follow them on every layout.</summary>
    [Fact]
    public async Task In_bfloat16_layouts_are_equal_too()
    {
        var runs = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var layout in new[] { "stages=1", "stages=2", "stages=2,schedule=zb-v", "stages=4,recompute=stage" })
        {
            runs.Add(await LossesAsync(null, [$"parallel={{{layout}}}", "precision.compute=bfloat16"]));
        }

        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    [Fact]
    public async Task Where_the_layers_are_cut_does_not_matter()
    {
        var runs = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var split in new[] { "1,3", "2,2", "3,1" })
        {
            runs.Add(await LossesAsync(null, ["parallel.stages=2", $"parallel.split={split}"]));
        }

        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    [Fact]
    public async Task The_seed_does_matter() =>
        Assert.NotEqual(await LossesAsync(null, []), await LossesAsync(null, ["job.seed=4"]));

    [Fact]
    public async Task Validation_losses_are_equal_for_every_layout()
    {
        var losses = new List<double?[]>();
        foreach (var layout in new[] { "stages=1", "stages=2", "stages=4", "stages=2,schedule=zb-v", "stages=2,schedule=interleaved-zb" })
        {
            using var run = new TestRun();
            await run.RunAsync($"parallel={{{layout}}}", "evaluation.every=5", "evaluation.batches=3", "evaluation.before-first-step=true");
            losses.Add([.. run.Events.Where(e => e.Kind == "evaluation").Select(e => e.Loss)]);
            Assert.Equal([5, 10, 12], run.Steps.Where(step => step.ValidationLoss is not null).Select(step => step.Step));
        }

        Assert.Equal(4, losses[0].Length);
        Assert.All(losses, one => Assert.Equal(losses[0], one));
    }

    /// <summary>Two ranks with stages of unequal number, and weight gradients as late as can be.</summary>
    private static string Irregular()
    {
        var rows = new[] { new[] { 0, 2 }, [1] }.Select(stages =>
            stages.SelectMany(s => Enumerable.Range(0, 8).Select(m => $"{s}F{m}"))
                .Concat(stages.Reverse().SelectMany(s => Enumerable.Range(0, 8).Select(m => $"{s}{(s == 1 ? 'B' : 'I')}{m}")))
                .Concat(stages.Where(s => s != 1).SelectMany(s => Enumerable.Range(0, 8).Select(m => $"{s}W{m}"))));
        return string.Join('\n', rows.Select(row => string.Join(',', row)));
    }

    private static Task<IReadOnlyList<(long, double, double)>> OnShakespeareAsync(string layout) =>
        LossesAsync(Goldens.Text("tinyshakespeare.txt"), [.. Shakespeare, $"parallel={{ split = even, {layout} }}"]);

    private static async Task<IReadOnlyList<(long, double, double)>> LossesAsync(string? text, string[] overrides)
    {
        using var run = new TestRun(text);
        var summary = await run.RunAsync(overrides);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return run.Metrics();
    }
}
