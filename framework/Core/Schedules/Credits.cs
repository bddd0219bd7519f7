namespace Pipeline.Core.Schedules;

/// <summary>How many hand-overs an edge needs in flight: exactly what the schedule itself can have under way when the receiver is as
/// slow as its dependencies allow. With fewer a run can deadlock; with more a fast stage floods a slow one.</summary>
public static class Credits
{
    /// <summary>Credits of every edge between two ranks, at least 1 each. An edge is what it carries and the stage that receives it.</summary>
    public static IReadOnlyDictionary<(HandOverKind Kind, int Stage), int> Of(Schedule schedule)
    {
        var credits = new Dictionary<(HandOverKind, int), int>();
        var sent = new Dictionary<(HandOverKind, int), int>();
        var taken = new Dictionary<(HandOverKind, int), int>();
        var consumptions = Consumptions(schedule);
        var proofs = new Dictionary<HandOver, int[]>();   // what a hand-over proves: how many actions of each rank have ended
        var known = schedule.Ranks.Select(_ => new int[schedule.Ranks.Count]).ToArray();
        foreach (var (rank, position) in DryRun.Order(schedule))
        {
            var action = schedule.Ranks[rank][position];
            if (action.Needs(schedule.Stages) is { } needed)
            {
                proofs.Remove(needed, out var proof);
                for (var other = 0; other < proof!.Length; other++)
                {
                    known[rank][other] = Math.Max(known[rank][other], proof[other]);
                }
            }

            if (action.Gives(schedule.Stages) is { } given)
            {
                if (schedule.RankOf(given.Stage) is var receiver && receiver != rank)
                {
                    var edge = (given.Kind, given.Stage);
                    sent[edge] = sent.GetValueOrDefault(edge) + 1;
                    // Positions ascend, and how far the receiver is known to be only grows.
                    var consumed = taken.GetValueOrDefault(edge);
                    while (consumed < consumptions[edge].Count && consumptions[edge][consumed] < known[rank][receiver])
                    {
                        consumed++;
                    }

                    taken[edge] = consumed;
                    credits[edge] = Math.Max(credits.GetValueOrDefault(edge, 1), sent[edge] - consumed);
                }

                proofs[given] = [.. known[rank]];
                proofs[given][rank] = position + 1;
            }

            known[rank][rank] = position + 1;
        }

        return credits;
    }

    /// <summary>For each edge the positions, in the receiver's row, of the actions that take from it.</summary>
    private static Dictionary<(HandOverKind, int), List<int>> Consumptions(Schedule schedule)
    {
        var positions = new Dictionary<(HandOverKind, int), List<int>>();
        foreach (var row in schedule.Ranks)
        {
            for (var position = 0; position < row.Count; position++)
            {
                if (row[position].Needs(schedule.Stages) is { } needed)
                {
                    var edge = (needed.Kind, needed.Stage);
                    positions.TryAdd(edge, []);
                    positions[edge].Add(position);
                }
            }
        }

        return positions;
    }
}
