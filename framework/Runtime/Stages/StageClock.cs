using Pipeline.Core.Schedules;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Devices;

namespace Pipeline.Runtime.Stages;

/// <summary>Measures a stage actor: when its actions ran on its device, what it did between steps (gradient norms, optimizer, tied copies), and
/// how long it stood idle for frames under way.</summary>
/// <param name="time">The host's, for waits.</param>
internal sealed class StageClock(DeviceClock device, TimeProvider time)
{
    private readonly List<PipelineAction> actions = [];
    private readonly List<long> marks = [];   // start and end of each action
    private readonly List<long> between = [];   // likewise of other work
    private long began;
    private FrameKey? waitingFor;
    private long waitingSince;
    private readonly List<long> optimizer = [];   // likewise
    private readonly List<ActionTime> ran = [];
    private long others;   // ticks of what is neither action nor optimizer
    private Interval? optimized;
    private long transfer;
    private int peakInFlight;

    public void Begin()
    {
        waitingSince = 0;
        began = device.Mark();
    }

    /// <summary>Ends an action of a training step.</summary>
    public void EndAction(PipelineAction action, int inFlight)
    {
        actions.Add(action);
        marks.AddRange([began, device.Mark()]);
        peakInFlight = Math.Max(peakInFlight, inFlight);
    }

    /// <summary>Ends a piece of work between the actions of two steps.</summary>
    public void EndBetween() => between.AddRange([began, device.Mark()]);

    /// <summary>Ends the optimizer's part of a step.</summary>
    public void EndOptimizer() => optimizer.AddRange([began, device.Mark()]);

    /// <summary>When the optimizer last ran; null where that was reported. It is then no part of the next step's time.</summary>
    public Interval? TakeOptimizer()
    {
        Resolve();
        var last = optimized;
        optimized = null;
        return last;
    }

    /// <param name="missing">The frame without which the actor cannot go on; null where it waits for something else.</param>
    public void Waiting(FrameKey? missing)
    {
        waitingFor = missing;
        waitingSince = waitingSince == 0 ? time.GetTimestamp() : waitingSince;
    }

    /// <summary>A frame arrived: what the actor waited for it since it was sent was its transfer. Others under way at the same time do not
    /// keep the actor from working.</summary>
    public void Arrived(FrameKey key, long sentAt)
    {
        if (waitingSince != 0 && waitingFor == key)
        {
            var now = time.GetTimestamp();
            transfer += Math.Max(0, now - Math.Max(sentAt, waitingSince));
            waitingSince = now;
        }
    }

    /// <summary>What was measured since the last call; waits until the device has done it.</summary>
    public StageTimes TakeTimes()
    {
        var last = TakeOptimizer();
        var taken = new StageTimes([.. ran], last is { } interval ? others + interval.End - interval.Start : others, transfer, peakInFlight, last);
        ran.Clear();
        (others, transfer, peakInFlight) = (0, 0, 0);
        return taken;
    }

    /// <summary>At the end of the actor, whose last message this is.</summary>
    public void Close() => device.Dispose();

    /// <summary>Makes times of all marks at once: later the device could no longer tell theirs.</summary>
    private void Resolve()
    {
        var times = device.Times([.. marks, .. between, .. optimizer]);
        ran.AddRange(actions.Select((action, index) => new ActionTime(action, times[2 * index], times[(2 * index) + 1])));
        others += Enumerable.Range(actions.Count, between.Count / 2).Sum(pair => times[(2 * pair) + 1] - times[2 * pair]);
        optimized = optimizer.Count > 0 ? new(times[^2], times[^1]) : optimized;
        actions.Clear();
        marks.Clear();
        between.Clear();
        optimizer.Clear();
    }
}
