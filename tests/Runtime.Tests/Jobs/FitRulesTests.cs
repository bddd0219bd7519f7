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

    public static TheoryData<ModelSettings?, string, string> Misfits => new()
    {
        { null, "data={kind=function,inputs=2,formula=[\"x1\"]}", "data.kind = function is of real numbers, and model.architecture = gpt2 takes tokens; kan takes real numbers." },
        { Kan, "data.kind=text", "data.kind = text is of tokens, and model.architecture = kan takes real numbers, as data.kind = function has them." },
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
}
