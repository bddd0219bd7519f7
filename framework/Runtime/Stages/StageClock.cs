using System.Diagnostics;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Stages;

/// <summary>Measures a stage: when its actions ran, how long it was busy, and how long it stood idle for frames under way.</summary>
internal sealed class StageClock
{
    private readonly List<ActionTime> actions = [];
    private long began;
    private long waitingSince;
    private long busy;
    private long transfer;
    private int peakInFlight;

    public void Begin()
    {
        waitingSince = 0;
        began = Stopwatch.GetTimestamp();
    }

    public void End() => busy += Stopwatch.GetTimestamp() - began;

    /// <summary>Ends an action. Those of an evaluation are not part of a step.</summary>
    public void End(PipelineAction action, int inFlight, bool evaluation)
    {
        var now = Stopwatch.GetTimestamp();
        if (!evaluation)
        {
            busy += now - began;
            actions.Add(new(action, began, now));
            peakInFlight = Math.Max(peakInFlight, inFlight);
        }
    }

    public void Waiting() => waitingSince = waitingSince == 0 ? Stopwatch.GetTimestamp() : waitingSince;

    /// <summary>A frame arrived: what the stage waited since it was sent was its transfer.</summary>
    public void Arrived(long sentAt)
    {
        if (waitingSince != 0)
        {
            transfer += Math.Max(0, Stopwatch.GetTimestamp() - Math.Max(sentAt, waitingSince));
        }
    }

    /// <summary>What was measured since the last call.</summary>
    public StageTimes TakeTimes()
    {
        var times = new StageTimes([.. actions], busy, transfer, peakInFlight);
        actions.Clear();
        (busy, transfer, peakInFlight) = (0, 0, 0);
        return times;
    }
}
