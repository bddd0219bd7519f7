using Pipeline.Core.Schedules;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Live tensors are counted for the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone
{
    /// <summary>Live tensors, without those that earlier tests have dropped and that the collector would count off at some moment later.</summary>
    internal static long LiveTensors()
    {
        for (var generation = 0; generation < 2; generation++)   // what a finalizer lets go may have one too
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return Tensor.TotalCount;
    }
}

[Collection(nameof(Alone))]
public class LeakTests
{
    [Theory]
    [InlineData("schedule=1f1b")]
    [InlineData("schedule=zb-v")]
    [InlineData("schedule=interleaved-zb,recompute=1")]
    public async Task Five_hundred_steps_keep_live_tensors_and_memory_flat(string layout)
    {
        using var run = new TestRun();
        var counts = new List<(long Tensors, long Resident)>();
        run.OnStep = step =>
        {
            // An evaluation follows every tenth step, and its line is written when all stages are through with it: they stand still.
            if (step.Step % 10 == 0)
            {
                counts.Add((Tensor.TotalCount, Environment.WorkingSet));
            }
        };
        var before = Alone.LiveTensors();
        await run.RunAsync($"parallel={{stages=2,{layout}}}", "job.steps=500", "model.dropout=0.1", "evaluation.every=10", "evaluation.batches=1");
        Assert.Equal(before, Tensor.TotalCount);

        Assert.All(counts, count => Assert.Equal(counts[0].Tensors, count.Tensors));
        var (early, late) = (counts[10..20], counts[^10..]);
        Assert.InRange(late.Average(c => c.Resident), 0, early.Average(c => c.Resident) + (16 << 20));
    }

    [Fact]
    public async Task Failed_runs_leave_no_tensors_behind()
    {
        using var run = new TestRun();
        var before = Alone.LiveTensors();
        foreach (var (stage, kind) in new[] { (0, ActionKind.Forward), (2, ActionKind.Forward), (2, ActionKind.InputGradient), (3, ActionKind.WeightGradient) })
        {
            await run.RunAsync(
                false, [kind == ActionKind.WeightGradient ? "parallel={stages=2,schedule=zb-v}" : "parallel.stages=4"], (index, executor) => index == stage ? new FailingExecutor(executor, stage, kind) : executor,
                CancellationToken.None);
            Assert.Equal(before, Tensor.TotalCount);
        }
    }
}
