using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Devices;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

public class StageClockTests
{
    private static readonly FrameKey Awaited = new(1, FrameKind.Activation, 1, 0);
    private static readonly FrameKey Other = new(1, FrameKind.Gradient, 1, 0);
    private readonly SetTime time = new() { Now = 100 };
    private readonly StageClock clock;

    public StageClockTests() => clock = new(DeviceClock.Of(CPU), time);

    [Fact]
    public void Only_the_frame_that_the_stage_waits_for_counts_as_a_transfer_and_only_once()
    {
        clock.Arrived(Awaited, 100);   // while the stage works
        clock.Waiting(Awaited);
        time.Now = 120;
        clock.Arrived(Other, 100);
        Assert.Equal(0, clock.TakeTimes().Transfer);
        clock.Arrived(Awaited, 100);
        clock.Waiting(Other);   // and now for the next
        time.Now = 123;
        clock.Arrived(Other, 100);
        Assert.Equal(20 + 3, clock.TakeTimes().Transfer);
    }

    [Fact]
    public void Waiting_before_a_frame_is_sent_is_no_transfer()
    {
        clock.Waiting(Awaited);
        time.Now = 157;
        clock.Arrived(Awaited, 150);
        Assert.Equal(7, clock.TakeTimes().Transfer);
    }

    private sealed class SetTime : TimeProvider
    {
        public long Now { get; set; }

        public override long GetTimestamp() => Now;
    }
}
