using System.Globalization;
using Pipeline.Runtime.Planning;
using Pipeline.Runtime.Tests.Generation;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>What every family's layers keep, of which the whole process has one account.</summary>
[Collection(nameof(Alone))]
public class FamilyMemoryTests
{
    public static TheoryData<string> Names => SmallModel.FamilyNames;

    public static TheoryData<string> AllNames => SmallModel.AllNames;

    [Theory]
    [MemberData(nameof(AllNames))]
    public async Task Live_tensors_do_not_grow(string family)
    {
        foreach (var layout in new[] { "schedule=zb-h1", "schedule=1f1b,recompute=1" })
        {
            using var run = new TestRun(null, SmallModel.SettingsOf(family));
            var counts = new List<long>();
            // An evaluation follows every second step, and its line is written when all stages are through with it: they stand still.
            run.OnStep = step => counts.AddRange(step.Step % 2 == 0 ? [Tensor.TotalCount] : []);
            var before = Alone.LiveTensors();
            var summary = await run.RunAsync(
                [$"parallel={{stages=2,split=even,{layout}}}", "job.steps=20", "evaluation={every=2,batches=1}", "optimizer.ema=0.9", .. SmallModel.DataOf(SmallModel.SettingsOf(family))]);
            Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
            Assert.Equal(10, counts.Count);
            Assert.All(counts, count => Assert.Equal(counts[0], count));
            Assert.Equal(before, Alone.LiveTensors());
        }
    }

    /// <summary>What <c>pipeline plan --count</c> tells of a layer is within a factor of 1.5 of what is measured: enough to see what fits, and to
    /// find a term that is missing, while small ones (statistics of norms, masks, the graph itself) may be left out of the formulas.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Activations_are_counted_as_they_are_measured(string family)
    {
        const double tolerance = 1.5;
        const int sequences = 32;
        using var run = new TestRun(null, SmallModel.SettingsOf(family) with { Width = 64, Context = 64 });
        using var plan = run.Plan(false, $"batch={{sequences={sequences},micro-batches=1}}", "model.vocabulary=64");
        var model = plan.Partition.Model;
        var profiler = new LayerProfiler(model, plan.Job, plan.Samples, CPU);
        // The account is that of the whole process, whose compiler and collector allocate when they like: not three times at the same layer.
        var rounds = Enumerable.Range(0, 3).Select(_ => profiler.Measure(TimeSpan.Zero)).ToArray();
        var measured = model.Layers.Select((_, index) => rounds.Select(round => round[index].ActivationBytes).Order().ElementAt(1)).ToArray();
        Assert.SkipWhen(measured.All(bytes => bytes == 0), "This platform does not tell how much memory is in use.");
        var wrong = measured.Zip(model.Layers, (bytes, definition) => (definition.Name, Measured: bytes, Counted: sequences * sizeof(float) * definition.Cost.Activations))
            .Where(layer => layer.Measured > tolerance * layer.Counted || layer.Counted > tolerance * layer.Measured)
            .Select(layer => string.Create(CultureInfo.InvariantCulture, $"{layer.Name} keeps {layer.Measured:N0} bytes, {layer.Measured / layer.Counted:0.00} of the {layer.Counted:N0} of its cost"));
        Assert.Empty(wrong);
    }
}
