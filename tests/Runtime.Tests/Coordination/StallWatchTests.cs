using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.Coordination;

public class StallWatchTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(5);

    [Fact]
    public void A_stall_is_told_once_with_what_each_stage_does_and_lacks()
    {
        var stages = new[] { new StageStatus(), new StageStatus() };
        var watch = new StallWatch(new(2, 1));
        stages[0].Set("running", PipelineAction.Forward(0, 3));
        stages[1].Set("waiting in", PipelineAction.Forward(1, 3), new FrameKey(7, FrameKind.Activation, 1, 3));
        Assert.Null(watch.Look(Short, After(9)));
        Assert.Equal(
            "Nothing has finished for 11 s: stage 0 is running 0F3; stage 1 is waiting in 1F3 for the activation of micro-batch 3 of step 7.",
            watch.Look(Short, After(11)));
        Assert.Null(watch.Look(Short, After(12)));
        Assert.Null(watch.Look(Short, After(1)));
        Assert.NotNull(watch.Look(Short, After(11)));

        StageDescription[] After(double seconds) => [.. stages.Select((stage, worker) => new StageDescription(worker, stage.ToString(), seconds + worker))];
    }

    [Fact]
    public void Slow_actions_are_given_ten_times_their_usual_time()
    {
        var watch = new StallWatch(new(1, 1));
        Assert.Null(watch.Look(TimeSpan.FromSeconds(3), [new(0, "running", 29)]));
        Assert.NotNull(watch.Look(TimeSpan.FromSeconds(3), [new(0, "running", 31)]));
    }
}
