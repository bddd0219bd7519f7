namespace Pipeline.Core.Schedules;

/// <summary>Refuses schedules that would compute something else or never end.</summary>
public static class ScheduleValidator
{
    /// <summary>Checks that each rank runs each of its micro-batches forward and backward exactly once, in the order that keeps results
    /// independent of the layout (backwards ascending), and that a dry run with the real dependencies ends.</summary>
    /// <exception cref="InvalidOperationException">The schedule is invalid; the message shows the grid with the failing cell marked.</exception>
    public static void Validate(Schedule schedule)
    {
        for (var rank = 0; rank < schedule.Ranks.Count; rank++)
        {
            CheckRank(schedule, rank);
        }

        DryRun(schedule);
    }

    private static void CheckRank(Schedule schedule, int rank)
    {
        var seen = new HashSet<PipelineAction>();
        var lastBackward = -1;
        for (var cell = 0; cell < schedule.Ranks[rank].Count; cell++)
        {
            var action = schedule.Ranks[rank][cell];
            var problem = action switch
            {
                _ when action.Stage != rank => $"stage {action.Stage} is not on rank {rank}",
                _ when action.MicroBatch < 0 || action.MicroBatch >= schedule.MicroBatches =>
                    $"there are only {schedule.MicroBatches} micro-batches",
                _ when !seen.Add(action) => "it is there twice",
                { Kind: ActionKind.Backward } when !seen.Contains(action with { Kind = ActionKind.Forward }) => "its forward has not run",
                { Kind: ActionKind.Backward } when action.MicroBatch < lastBackward => "weight gradients must add up in ascending order",
                _ => null,
            };
            if (problem is not null)
            {
                throw Invalid(schedule, rank, cell, problem);
            }

            lastBackward = action.Kind == ActionKind.Backward ? action.MicroBatch : lastBackward;
        }

        if (seen.Count != 2 * schedule.MicroBatches)
        {
            throw Invalid(schedule, rank, schedule.Ranks[rank].Count, $"the row has {seen.Count} actions, not {2 * schedule.MicroBatches}");
        }
    }

    private static void DryRun(Schedule schedule)
    {
        var reached = new int[schedule.Ranks.Count];
        foreach (var (rank, position) in Schedules.DryRun.Order(schedule))
        {
            reached[rank] = position + 1;
        }

        for (var rank = 0; rank < reached.Length; rank++)
        {
            if (reached[rank] < schedule.Ranks[rank].Count)
            {
                var needed = schedule.Ranks[rank][reached[rank]].Needs(schedule.Stages)!.Value;
                throw Invalid(schedule, rank, reached[rank], $"deadlock: it waits for the {needed.Kind} of stage {needed.Sender} for ever");
            }
        }
    }

    private static InvalidOperationException Invalid(Schedule schedule, int rank, int cell, string problem)
    {
        var rows = schedule.Ranks.Select((row, r) => string.Join(' ', row.Select((action, c) =>
            r == rank && c == cell ? $"[{action}]" : $"{action}")) + (r == rank ? "   <-- " + problem : ""));
        return new($"Schedule {schedule.Name}, rank {rank}, cell {cell}: {problem}.\n{string.Join('\n', rows)}");
    }
}
