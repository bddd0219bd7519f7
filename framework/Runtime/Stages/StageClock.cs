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
    private long optimizer;
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

    /// <summary>Ends the optimizer's part of a step, and says when it was. Nothing else may be unreported.</summary>
    public Interval EndOptimizer()
    {
        var times = device.Times([began, device.Mark()]);
        optimizer = times[1] - times[0];
        return new(times[0], times[1]);
    }

    /// <summary>The run does something else than the next step now: the optimizer was not part of a step's time.</summary>
    public void Pause() => optimizer = 0;

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
        var times = device.Times([.. marks, .. between]);
        var others = Enumerable.Range(actions.Count, between.Count / 2).Sum(pair => times[(2 * pair) + 1] - times[2 * pair]);
        var taken = new StageTimes(
            [.. actions.Select((action, index) => new ActionTime(action, times[2 * index], times[(2 * index) + 1]))],
            optimizer + others,
            transfer,
            peakInFlight);
        actions.Clear();
        marks.Clear();
        between.Clear();
        (optimizer, transfer, peakInFlight) = (0, 0, 0);
        return taken;
    }

    /// <summary>At the end of the actor, whose last message this is.</summary>
    public void Close() => device.Dispose();
}
