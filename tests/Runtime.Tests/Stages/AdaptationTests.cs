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
