using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Notices when no worker has finished anything for long, and says what each is doing or waiting for.</summary>
internal sealed class StallWatch(Workers workers)
{
    /// <summary>Nothing shorter is a stall.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);

    private readonly List<StageDescription> descriptions = [];
    private double reported = double.PositiveInfinity;

    /// <summary>All processes are asked anew.</summary>
    public void Begin() => descriptions.Clear();

    /// <summary>What a process has answered.</summary>
    /// <returns>As <see cref="Look"/>, with the last answer.</returns>
    public string? Take(IReadOnlyList<StageDescription> answer, TimeSpan typicalAction)
    {
        descriptions.AddRange(answer);
        return descriptions.Count == workers.Count ? Look(typicalAction, [.. descriptions.OrderBy(one => one.Worker)]) : null;
    }

    /// <param name="typicalAction">The median time of an action so far.</param>
    /// <returns>One sentence, once a stall; null while all is well.</returns>
    public string? Look(TimeSpan typicalAction, IReadOnlyList<StageDescription> stages)
    {
        var quiet = TimeSpan.FromSeconds(stages.Min(stage => stage.Seconds));
        var isNews = quiet.TotalSeconds < reported;   // something has moved since
        if (quiet < Shortest || quiet < 10 * typicalAction)
        {
            reported = double.PositiveInfinity;
            return null;
        }

        reported = quiet.TotalSeconds;
        var doing = stages.Select(stage => $"{workers.NameOf(stage.Worker)} is {stage.Doing}");
        return isNews ? $"Nothing has finished for {quiet.TotalSeconds:F0} s: {string.Join("; ", doing)}." : null;
    }
}
