using Pipeline.Core.Schedules;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Live tensors are counted for the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public class LeakTests
{
    [Theory]
    [InlineData("1f1b")]
    [InlineData("gpipe")]
    public async Task Five_hundred_steps_keep_live_tensors_and_memory_flat(string schedule)
    {
        using var run = new TestRun();
        var counts = new List<(long Tensors, long Resident)>();
        run.OnStep = step =>
        {
            if (step.Step % 10 == 0)
            {
                counts.Add((Tensor.TotalCount, Environment.WorkingSet));
            }
        };
        var before = Tensor.TotalCount;
        await run.RunAsync("parallel.stages=2", $"parallel.schedule={schedule}", "job.steps=500", "model.dropout=0.1", "evaluation.every=100");
        Assert.Equal(before, Tensor.TotalCount);

        // A step's own tensors come and go while the coordinator looks: what counts is that the level does not rise.
        var (early, late) = (counts[10..20], counts[^10..]);
        Assert.InRange(late.Max(c => c.Tensors), 0, early.Max(c => c.Tensors) + 20);
        Assert.InRange(late.Average(c => c.Resident), 0, early.Average(c => c.Resident) + (16 << 20));
    }

    [Fact]
    public async Task Failed_runs_leave_no_tensors_behind()
    {
        using var run = new TestRun();
        var before = Tensor.TotalCount;
        foreach (var (stage, kind) in new[] { (0, ActionKind.Forward), (2, ActionKind.Forward), (2, ActionKind.Backward), (3, ActionKind.Backward) })
        {
            await run.RunAsync(
                false, ["parallel.stages=4"], (index, executor) => index == stage ? new FailingExecutor(executor, stage, kind) : executor,
                CancellationToken.None);
            Assert.Equal(before, Tensor.TotalCount);
        }
    }
}
