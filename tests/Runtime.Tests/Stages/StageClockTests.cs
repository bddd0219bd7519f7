using System.Diagnostics;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Devices;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

public class StageClockTests
{
    private static readonly FrameKey Awaited = new(1, FrameKind.Activation, 1, 0);
    private static readonly FrameKey Other = new(1, FrameKind.Gradient, 1, 0);

    [Fact]
    public void Only_the_frame_that_the_stage_waits_for_counts_as_a_transfer_and_only_once()
    {
        var clock = new StageClock(DeviceClock.Of(CPU));
        var sent = Stopwatch.GetTimestamp();
        clock.Arrived(Awaited, sent);   // while the stage works
        clock.Waiting(Awaited);
        Thread.Sleep(2);
        clock.Arrived(Other, sent);
        Assert.Equal(0, clock.TakeTimes().Transfer);
        clock.Arrived(Awaited, sent);
        clock.Waiting(Other);   // and now for the next
        clock.Arrived(Other, sent);
        var times = clock.TakeTimes();
        Assert.InRange(Stopwatch.GetElapsedTime(0, times.Transfer).TotalMilliseconds, 1.9, Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
    }

    [Fact]
    public void Waiting_before_a_frame_is_sent_is_no_transfer()
    {
        var clock = new StageClock(DeviceClock.Of(CPU));
        clock.Waiting(Awaited);
        Thread.Sleep(20);
        var sent = Stopwatch.GetTimestamp();
        clock.Arrived(Awaited, sent);
        Assert.InRange(Stopwatch.GetElapsedTime(0, clock.TakeTimes().Transfer).TotalMilliseconds, 0, Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
    }
}
