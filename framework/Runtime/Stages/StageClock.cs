using System.Diagnostics;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Stages;

/// <summary>Measures a stage actor: when its actions ran, what it did between steps (gradient norms, optimizer, tied copies), and how long it
/// stood idle for frames under way.</summary>
internal sealed class StageClock
{
    private readonly List<ActionTime> actions = [];
    private long began;
    private FrameKey? waitingFor;
    private long waitingSince;
    private long between;
    private long transfer;
    private int peakInFlight;

    public void Begin()
    {
        waitingSince = 0;
        began = Stopwatch.GetTimestamp();
    }

    /// <summary>Ends an action of a training step.</summary>
    public void EndAction(PipelineAction action, int inFlight)
    {
        actions.Add(new(action, began, Stopwatch.GetTimestamp()));
        peakInFlight = Math.Max(peakInFlight, inFlight);
    }

    /// <summary>Ends a piece of work between the actions of two steps, and says when it was.</summary>
    public Interval EndBetween()
    {
        var interval = new Interval(began, Stopwatch.GetTimestamp());
        between += interval.End - interval.Start;
        return interval;
    }

    /// <summary>The run does something else than the next step now: the optimizer was not part of a step's time.</summary>
    public void Pause() => between = 0;

    /// <param name="missing">The frame without which the actor cannot go on; null where it waits for something else.</param>
    public void Waiting(FrameKey? missing)
    {
        waitingFor = missing;
        waitingSince = waitingSince == 0 ? Stopwatch.GetTimestamp() : waitingSince;
    }

    /// <summary>A frame arrived: what the actor waited for it since it was sent was its transfer. Others under way at the same time do not
    /// keep the actor from working.</summary>
    public void Arrived(FrameKey key, long sentAt)
    {
        if (waitingSince != 0 && waitingFor == key)
        {
            var now = Stopwatch.GetTimestamp();
            transfer += Math.Max(0, now - Math.Max(sentAt, waitingSince));
            waitingSince = now;
        }
    }

    /// <summary>What was measured since the last call.</summary>
    public StageTimes TakeTimes()
    {
        var times = new StageTimes([.. actions], between, transfer, peakInFlight);
        actions.Clear();
        (between, transfer, peakInFlight) = (0, 0, 0);
        return times;
    }
}
