namespace Pipeline.Core.Schedules;

/// <summary>Runs a schedule without durations: every action after what it needs.</summary>
public static class DryRun
{
    /// <summary>All actions in an order in which they can run, as rank and position in its row. Where ranks wait for each other for ever,
    /// the order ends early.</summary>
    public static IEnumerable<(int Rank, int Position)> Order(Schedule schedule)
    {
        var arrived = new HashSet<HandOver>();
        var next = new int[schedule.Ranks.Count];
        for (var progress = true; progress;)
        {
            progress = false;
            for (var rank = 0; rank < next.Length; rank++)
            {
                while (next[rank] < schedule.Ranks[rank].Count && schedule.Ranks[rank][next[rank]] is var action
                    && (action.Needs(schedule.Stages) is not { } needed || arrived.Contains(needed)))
                {
                    if (action.Gives(schedule.Stages) is { } given)
                    {
                        arrived.Add(given);
                    }

                    yield return (rank, next[rank]++);
                    progress = true;
                }
            }
        }
    }
}
