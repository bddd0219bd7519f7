using System.Diagnostics;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Notices when no stage has finished anything for long, and says what each is doing or waiting for.</summary>
internal sealed class StallWatch(IReadOnlyList<StageStatus> stages)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);

    private long reported;

    /// <param name="typicalAction">The median time of an action so far.</param>
    /// <param name="now">Stopwatch ticks.</param>
    /// <returns>One sentence, once a stall; null while all is well.</returns>
    public string? Look(TimeSpan typicalAction, long now)
    {
        var newest = stages.Max(stage => stage.Since);
        var quiet = Stopwatch.GetElapsedTime(newest, now);
        if (newest == reported || quiet < Shortest || quiet < 10 * typicalAction)
        {
            return null;
        }

        reported = newest;
        var doing = stages.Select((stage, index) => $"stage {index} is {stage}");
        return $"Nothing has finished for {quiet.TotalSeconds:F0} s: {string.Join("; ", doing)}.";
    }
}
