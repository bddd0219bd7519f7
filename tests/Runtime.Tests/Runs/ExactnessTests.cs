using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>The promise: on a CPU the losses do not depend on the layout, to the last bit.</summary>
public class ExactnessTests
{
    private static readonly string[] Layouts =
    [
        "parallel { stages = 1, schedule = gpipe }", "parallel { stages = 1, schedule = 1f1b }",
        "parallel { stages = 2, schedule = gpipe }", "parallel { stages = 2, schedule = 1f1b }",
        "parallel { stages = 4, schedule = gpipe }", "parallel { stages = 4, schedule = 1f1b }",
    ];

    [Theory]
    [InlineData(true, 0.0)]
    [InlineData(true, 0.1)]
    [InlineData(false, 0.0)]
    [InlineData(false, 0.1)]
    public async Task Losses_and_norms_are_equal_for_every_layout(bool tied, double dropout)
    {
        var runs = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var layout in Layouts)
        {
            runs.Add(await LossesAsync(null, [
                $"parallel={layout["parallel ".Length..]}", $"model.tie-embeddings={(tied ? "true" : "false")}", $"model.dropout={dropout}",
            ]));
        }

        Assert.Equal(12, runs[0].Count);
        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    /// <summary>The claim as users check it: real text, 60 steps.</summary>
    [Theory]
    [InlineData(true, 0.0)]
    [InlineData(true, 0.1)]
    [InlineData(false, 0.0)]
    [InlineData(false, 0.1)]
    public async Task Losses_on_tinyshakespeare_are_equal_for_every_layout(bool tied, double dropout)
    {
        var text = Goldens.Text("tinyshakespeare.txt");
        var runs = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var layout in Layouts)
        {
            runs.Add(await LossesAsync(text, [
                "job.steps=60", "model.width=64", "model.heads=4", "model.context=64", $"parallel={layout["parallel ".Length..]}",
                $"model.tie-embeddings={(tied ? "true" : "false")}", $"model.dropout={dropout}",
            ]));
        }

        Assert.Equal(60, runs[0].Count);
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
    public async Task Validation_losses_are_equal_for_every_number_of_stages()
    {
        var losses = new List<double?[]>();
        foreach (var stages in new[] { 1, 2, 4 })
        {
            using var run = new TestRun();
            await run.RunAsync($"parallel.stages={stages}", "evaluation.every=5", "evaluation.batches=3", "evaluation.before-first-step=true");
            losses.Add([.. run.Events.Where(e => e.Kind == "evaluation").Select(e => e.Loss)]);
            Assert.Equal([5, 10, 12], run.Steps.Where(step => step.ValidationLoss is not null).Select(step => step.Step));
        }

        Assert.Equal(4, losses[0].Length);
        Assert.All(losses, one => Assert.Equal(losses[0], one));
    }

    private static async Task<IReadOnlyList<(long, double, double)>> LossesAsync(string? text, string[] overrides)
    {
        using var run = new TestRun(text);
        var summary = await run.RunAsync(overrides);
        Assert.Equal("completed", summary.Outcome);
        return run.Metrics();
    }
}
