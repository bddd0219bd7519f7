using Pipeline.Core.Data;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Kan;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

/// <summary>What layers adapt to is the training's: what a model is judged by must not shape it.</summary>
public class AdaptationTests
{
    private const string Data = "data={kind=function,inputs=2,formula=[\"sin(3*x1)+x2\"],points=64,test-points=64}";

    [Fact]
    public void Layers_adapt_to_the_steps_first_micro_batch_of_training()
    {
        using var run = new TestRun(null, new KanSettings("kan", Widths: [2, 3, 1], Grid: 3));
        using var plan = run.Plan(false, Data, "batch={sequences=64,micro-batches=2}");
        var samples = new Recording((ISamples<double>)plan.Samples);
        using var executor = new StageExecutor(plan.Stages with { Samples = samples }, 0, 0, CPU);
        var before = Grid(executor);
        Assert.Null(executor.Adapt(5, null));
        Assert.Equal([(false, 5, 0, false)], samples.Reads);
        Assert.NotEqual(before, Grid(executor));
    }

    /// <summary>With averages too, which evaluations use: a refined function is the function that it was, and no part of it starts anew.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.9)]
    public void A_grown_stage_says_what_it_said_before(double ema)
    {
        using var run = new TestRun(null, new KanSettings("kan", Widths: [2, 3, 1], Grid: 3, Refine: [9], RefineEvery: 5));
        using var plan = run.Plan(
            false, Data, $"optimizer.ema={ema.ToString(System.Globalization.CultureInfo.InvariantCulture)}", "precision={parameters=float64,compute=float64}",
            "evaluation={every=1,batches=1}");
        var executor = new StageExecutor(plan.Stages, 0, 0, CPU);   // what grows of it disposes it
        var before = Validation(executor);
        using var grown = (StageExecutor)executor.Grown(plan.Partition.Model.At(5));
        Assert.NotEqual(plan.Partition.Model.ParameterCount, plan.Partition.Model.At(5).ParameterCount);
        Assert.Equal(before, Validation(grown), 1e-10);   // sums of squares of about 1
    }

    private static double Validation(StageExecutor executor)
    {
        Assert.Null(executor.Evaluate(0, 0, 0, null));
        executor.EndEvaluation();
        return executor.TakeLoss().Loss;
    }

    private static double[] Grid(StageExecutor executor) =>
        executor.State().Single(entry => entry.Name == "layers.0.grid").Value.to(ScalarType.Float64).data<double>().ToArray();

    private sealed class Recording(ISamples<double> inner) : ISamples<double>
    {
        public List<(bool Validation, long Batch, int MicroBatch, bool Targets)> Reads { get; } = [];

        public int Context => inner.Context;

        public int Outputs => inner.Outputs;

        public int SequencesPerMicroBatch => inner.SequencesPerMicroBatch;

        public int TargetsPerSequence => inner.TargetsPerSequence;

        public void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<double> values)
        {
            Reads.Add((validation, batches[0], microBatch, targets));
            inner.Read(validation, batches, microBatch, targets, values);
        }
    }
}
