using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Hybrid;
using Pipeline.Stages.Kan;
using Pipeline.Stages.Reasoners;

namespace Pipeline.Runtime.Tests.Jobs;

/// <summary>A model that its data do not fit is refused before anything starts.</summary>
public class FitRulesTests
{
    private static readonly ModelSettings Kan = new KanSettings("kan", Widths: [2, 3, 1]);

    private static readonly ModelSettings Reasoner = new TrmSettings("trm", Width: 32, Context: 16, Heads: 4, NetLayers: 1);

    private static readonly ModelSettings Whole = new HybridSettings("hybrid", "*-", Width: 32, Context: 16, Heads: 4, Causal: false);

    private static readonly ModelSettings Balanced =
        new HybridSettings("hybrid", "*E", Width: 32, Context: 16, Heads: 4, Experts: 4, BalanceRate: 0.001);

    public static TheoryData<ModelSettings?, string, string> Misfits => new()
    {
        { null, "data={kind=function,inputs=2,formula=[\"x1\"]}", "data.kind = function is of real numbers, and model.architecture = gpt2 takes tokens; kan takes real numbers." },
        { Kan, "data.kind=text", "data.kind = text is of tokens, and model.architecture = kan takes real numbers, as data.kind = function has them." },
        { Kan, "data.kind=sudoku", "data.kind = sudoku is of tokens, and model.architecture = kan takes real numbers, as data.kind = function has them." },
        { null, "data.kind=mqar", "model.context must be 64, the length of the sequences of data.kind mqar, not 16." },
        { Reasoner, "data={kind=sudoku,size=9}", "model.context must be 81, the length of the sequences of data.kind sudoku, not 16." },
        { Balanced, "precision.parameters=bfloat16", "precision.parameters is bfloat16, and backbone.layers.1.mixer.router.expert_bias of the model changes by small steps of one size, which bfloat16 loses; it must be float32." },
        { Kan, "data={kind=function,inputs=3,formula=[\"x1\"]}", "data.inputs is 3, and the model takes 2; they must be equal." },
        { Kan, "data={kind=function,inputs=2,formula=[\"x1\",\"x2\"]}", "data.formula has 2 expressions, and the model has 1 outputs; they must be as many." },
        { Reasoner, "data.kind=text", "the model sees its whole input at once, and with data.kind = text the targets are in it; it needs a task such as data.kind = sudoku." },
        { Reasoner, "optimizer={kind=lbfgs,warmup-steps=0}", "optimizer.kind is lbfgs, which compares losses of the parameters alone, and the model carries state from step to step; allowed are adamw and adam-atan2." },
        { Whole, "data.kind=text", "the model sees its whole input at once" },
        { null, "precision.parameters=float64", "precision is float64, and model.architecture = gpt2 computes parts of itself in float32; allowed are float32 and bfloat16." },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void A_misfit_is_one_sentence(ModelSettings? model, string setting, string sentence)
    {
        using var run = new TestRun(null, model);
        Assert.StartsWith(sentence, Assert.Throws<BadInputException>(() => run.Plan(false, setting)).Message, StringComparison.Ordinal);
    }

    /// <summary>A micro-batch has 3 sequences, and a run 12 steps. A grid of 2 intervals needs 3 rows, and one of 4 needs 5.</summary>
    [Theory]
    [InlineData(2, 5, 50, null, null)]
    [InlineData(3, 5, 50, null, "From step 1 on grids are not updated: a micro-batch, of batch.sequences / batch.micro-batches sequences, has 3 rows, and an update of this grid needs 4; ")]
    [InlineData(3, 0, 50, null, null)]
    [InlineData(3, 13, 50, null, null)]
    [InlineData(3, 5, 4, null, null)]
    [InlineData(2, 5, 50, 6L, "From step 6 on grids are not updated: ")]
    [InlineData(2, 5, 50, 11L, null)]
    [InlineData(2, 5, 9, 6L, null)]
    [InlineData(3, 6, 50, 6L, "From step 6 on grids are not updated: ")]
    public void Grids_that_cannot_be_updated_are_warned_of(int grid, long every, long until, long? refineEvery, string? sentence)
    {
        var settings = new KanSettings("kan", [2, 3, 1], Grid: grid, GridUpdateEvery: every, GridUpdateUntil: until);
        using var run = new TestRun(null, refineEvery is { } steps ? settings with { Refine = [2 * grid], RefineEvery = steps } : settings);
        using var plan = run.Plan(false, "data={kind=function,inputs=2,formula=[\"x1\"]}");
        Assert.Equal(sentence is null ? 0 : 1, plan.Run.Warnings.Count);
        Assert.StartsWith(sentence ?? "", string.Concat(plan.Run.Warnings), StringComparison.Ordinal);
    }

    /// <summary>Every token is a row.</summary>
    [Theory]
    [InlineData(47, false)]
    [InlineData(48, true)]
    public void Tokens_are_rows(int grid, bool warns)
    {
        using var run = new TestRun(null, new HybridSettings("hybrid", "*K", Width: 32, Context: 16, Heads: 4, Kan: "spline", KanGrid: grid, GridUpdateEvery: 5));
        using var plan = run.Plan(false);
        Assert.Equal(warns, plan.Run.Warnings.Count == 1);
    }
}
