using Pipeline.Core.Jobs;
using Pipeline.Runtime.Tests.Generation;
using Pipeline.Stages.Hybrid;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>The promise of <see cref="ExactnessTests"/>, for every family: losses and gradient norms do not depend on the layout, to the last bit.</summary>
public class FamilyTests
{
    private const int Steps = 6;

    private static readonly string[] Layouts =
    [
        "stages=1,schedule=zb-h1", "stages=2,schedule=1f1b", "stages=2,schedule=zb-h1", "stages=4,schedule=1f1b", "stages=4,schedule=zb-h1",
        "stages=2,schedule=zb-h1,recompute=stage",
    ];

    public static TheoryData<string> Names => SmallModel.FamilyNames;

    public static TheoryData<string> AllNames => SmallModel.AllNames;

    /// <summary>Averages of parameters too, which evaluations use; Kolmogorov-Arnold networks adapt and grow on the way, reasoners carry their thoughts on.</summary>
    [Theory]
    [MemberData(nameof(AllNames))]
    public Task Layouts_are_equal(string family) => AreEqualAsync(SmallModel.SettingsOf(family));

    [Fact]
    public Task Layouts_of_a_hybrid_whose_splines_adapt_are_equal() =>
        AreEqualAsync((HybridSettings)SmallModel.SettingsOf("hybrid") with { Pattern = "*K*K", Layers = 4, Kan = "spline", GridUpdateEvery = 2 });

    /// <summary>Attention to the whole sequence, merged tokens, and a router's bias, which changes between the steps.</summary>
    [Fact]
    public Task Layouts_of_a_hybrid_that_is_not_causal_are_equal() =>
        AreEqualAsync((HybridSettings)SmallModel.SettingsOf("hybrid") with { Pattern = "R-*E", Layers = 4, Context = 16, Causal = false, BalanceRate = 0.01 });

    private static async Task AreEqualAsync(ModelSettings model)
    {
        var expected = await LossesAsync(model, "stages=1,schedule=1f1b");
        Assert.Equal(Steps, expected.Count);
        Assert.Equal(Steps, expected.Select(step => (step.Loss, step.GradNorm)).Distinct().Count());
        Assert.All(expected, step => Assert.True(step is { Loss: > 0 and < 10, GradNorm: > 0, ValidationLoss: null or (> 0 and < 10) }, $"{step}"));
        Assert.Equal(Steps / 2, expected.Count(step => step.ValidationLoss is not null));
        foreach (var layout in Layouts)
        {
            Assert.Equal(expected, await LossesAsync(model, layout));
        }
    }

    /// <summary>Interrupted between an adaptation and a growth, and in the middle of a puzzle's passes.</summary>
    [Theory]
    [InlineData("kan")]
    [InlineData("hrm")]
    [InlineData("trm")]
    public async Task A_resumed_run_has_the_state_of_the_one_it_goes_on_from(string family)
    {
        var model = SmallModel.SettingsOf(family);
        var expected = await LossesAsync(model, "stages=1,schedule=1f1b");
        using var run = new TestRun(null, model);
        string[] settings = ["optimizer.ema=0.9", "evaluation={every=2,batches=2}", .. SmallModel.DataOf(model)];
        await run.RunAsync(["job.steps=4", "parallel={split=even,stages=2,schedule=zb-h1}", .. settings]);
        await run.ResumeAsync([$"job.steps={Steps}", "parallel={split=even,stages=4,schedule=1f1b}", .. settings]);
        Assert.Equal(expected, run.Steps.Select(step => (step.Loss, step.GradNorm, step.ValidationLoss)));
    }

    /// <summary>Document starts reach every stage of every layout, and every family heeds them.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Layouts_are_equal_where_layers_are_told_of_documents(string family)
    {
        var model = SmallModel.SettingsOf(family);
        var expected = await LossesAsync(model, "stages=1,schedule=1f1b", documents: true);
        Assert.NotEqual(await LossesAsync(model, "stages=1,schedule=1f1b", documents: true, "data.reset-at-documents=false"), expected);
        Assert.Equal(expected, await LossesAsync(model, "stages=4,schedule=zb-h1", documents: true));
        Assert.Equal(expected, await LossesAsync(model, "stages=2,schedule=1f1b,recompute=1", documents: true));
    }

    private static async Task<IReadOnlyList<(double? Loss, double? GradNorm, double? ValidationLoss)>> LossesAsync(
        ModelSettings model, string layout, bool documents = false, params string[] overrides)
    {
        using var run = new TestRun(null, model);
        string[] data = [];
        if (documents)
        {
            data = ["data.files=z*.txt", "data.reset-at-documents=true"];
            for (var i = 0; i < 200; i++)
            {
                await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(run.DataFile)!, $"z{i}.txt"), $"ist {i * 7919 % 1000}", TestContext.Current.CancellationToken);
            }
        }

        var summary = await run.RunAsync(
            [$"job.steps={Steps}", $"parallel={{split=even,{layout}}}", "optimizer.ema=0.9", "evaluation={every=2,batches=2}", .. SmallModel.DataOf(model), .. data, .. overrides]);
        Assert.True(summary.Outcome == "completed", summary.Failure);
        return [.. run.Steps.Select(step => (step.Loss, step.GradNorm, step.ValidationLoss))];
    }
}
