using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

public class StageOptimizerTests
{
    private const double Rate = 1e-3;

    private const string Constant = "weight-decay=0,warmup-steps=0,learning-rate=1e-3,min-learning-rate=1e-3";

    /// <summary>With the same gradient in every step; the bound leaves room for rounding.</summary>
    [Theory]
    [InlineData("adamw")]
    [InlineData("adam-atan2")]
    public void No_step_after_a_growth_is_longer_than_the_rate(string kind)
    {
        using var scope = NewDisposeScope();
        using var run = new TestRun();
        using var plan = run.Plan(false, $"optimizer={{kind={kind},{Constant}}}");
        using var parameter = new Parameter(new("p", [4], Initialization.Normal(1)), 1, ScalarType.Float64, CPU);
        using var optimizer = new StageOptimizer([parameter], [], null, plan.Job, began: 1000);
        parameter.Value.grad = ones(4, ScalarType.Float64) * 3;
        for (var step = 1001; step <= 1100; step++)
        {
            var before = parameter.Value.detach().clone();
            optimizer.Apply(step, 1, null);
            Assert.InRange((before - parameter.Value.detach()).abs().max().item<double>(), 0.5 * Rate, 1.0001 * Rate);
        }
    }

    /// <summary>The first step of Adam is as long as the rate, whatever the gradient; with the bias of a later step it would not be.</summary>
    [Fact]
    public void A_grown_stage_counts_the_steps_of_its_moments_from_the_growth()
    {
        using var scope = NewDisposeScope();
        using var run = new TestRun(null, new KanSettings("kan", Widths: [2, 3, 1], GridUpdateEvery: 0, Refine: [10], RefineEvery: 3));
        using var plan = run.Plan(
            false, "data={kind=function,inputs=2,formula=[\"exp(x1)*x2\"],points=12}", "batch.micro-batches=1",
            "precision={parameters=float64,compute=float64}", $"optimizer={{{Constant}}}");
        using var grown = new StageExecutor(plan.Stages, 0, 0, CPU).Grown(plan.Partition.Model.At(3));
        var optimized = plan.Partition.Model.Parameters.Where(parameter => parameter.IsOptimized).Select(parameter => parameter.Name).ToHashSet();
        var before = grown.State().Where(entry => optimized.Contains(entry.Name)).ToDictionary(entry => entry.Name, entry => entry.Value.detach().clone());
        grown.Forward(4, 0, null);
        grown.InputGradient(0, null);
        grown.WeightGradient(0);
        grown.Apply(4, 1);
        var longest = grown.State().Where(entry => optimized.Contains(entry.Name))
            .Max(entry => (entry.Value.detach() - before[entry.Name]).abs().max().item<double>());
        Assert.Equal(Rate, longest, 1e-3 * Rate);
    }
}
