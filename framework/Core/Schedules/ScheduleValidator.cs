namespace Pipeline.Core.Schedules;

/// <summary>Refuses schedules that would compute something else or never end.</summary>
public static class ScheduleValidator
{
    /// <summary>Checks that stages are numbered without holes and each is on one rank only; that every stage runs every micro-batch forward
    /// once and then backward once, whole (B) or split (I, then W); and that a dry run with the real dependencies ends. The order in
    /// which weight gradients add up is free: see <see cref="Schedule.AccumulatesAscending"/>.</summary>
    /// <exception cref="InvalidScheduleException">The schedule is invalid.</exception>
    public static void Validate(Schedule schedule)
    {
        for (var rank = 0; rank < schedule.Ranks.Count; rank++)
        {
            CheckPlaces(schedule, rank);
        }

        for (var rank = 0; rank < schedule.Ranks.Count; rank++)
        {
            CheckWork(schedule, rank);
        }

        CheckEnd(schedule);
    }

    private static void CheckPlaces(Schedule schedule, int rank)
    {
        var row = schedule.Ranks[rank];
        Refuse(schedule, rank, 0, row.Count == 0 ? "the rank has no actions" : null);
        for (var cell = 0; cell < row.Count; cell++)
        {
            var (stage, _, microBatch) = row[cell];
            Refuse(schedule, rank, cell, stage switch
            {
                < 0 => "stages are numbered from 0",
                _ when stage >= schedule.Stages => $"stages must be numbered without holes, and there are only {schedule.Stages}",
                _ when schedule.RankOf(stage) != rank => $"stage {stage} is on rank {schedule.RankOf(stage)} already",
                _ when microBatch < 0 || microBatch >= schedule.MicroBatches => $"micro-batches are numbered 0 to {schedule.MicroBatches - 1}",
                _ => null,
            });
        }
    }

    private static void CheckWork(Schedule schedule, int rank)
    {
        var row = schedule.Ranks[rank];
        var seen = new HashSet<PipelineAction>(row.Count);
        for (var cell = 0; cell < row.Count; cell++)
        {
            var action = row[cell];
            Refuse(schedule, rank, cell, action.Kind switch
            {
                _ when seen.Contains(action) => "it is there twice",
                ActionKind.Backward when Seen(ActionKind.InputGradient) => "its input gradient is there already",
                ActionKind.InputGradient when Seen(ActionKind.Backward) => "its whole backward is there already",
                ActionKind.Backward or ActionKind.InputGradient when !Seen(ActionKind.Forward) => "its forward has not run",
                ActionKind.WeightGradient when !Seen(ActionKind.InputGradient) => "its input gradient has not run",
                _ => null,
            });
            seen.Add(action);

            bool Seen(ActionKind kind) => seen.Contains(action with { Kind = kind });
        }

        foreach (var stage in schedule.StagesOf[rank])
        {
            for (var microBatch = 0; microBatch < schedule.MicroBatches; microBatch++)
            {
                Refuse(schedule, rank, row.Count, Missing(seen, stage, microBatch) is { } missing ? $"{missing} is missing" : null);
            }
        }
    }

    /// <summary>What the stage still has to do for the micro-batch; null when its gradient is complete.</summary>
    private static PipelineAction? Missing(HashSet<PipelineAction> seen, int stage, int microBatch)
    {
        var (forward, whole) = (PipelineAction.Forward(stage, microBatch), PipelineAction.Backward(stage, microBatch));
        var (input, weight) = (PipelineAction.InputGradient(stage, microBatch), PipelineAction.WeightGradient(stage, microBatch));
        return !seen.Contains(forward) ? forward
            : seen.Contains(whole) || seen.Contains(weight) ? null
            : seen.Contains(input) ? weight : whole;
    }

    private static void CheckEnd(Schedule schedule)
    {
        var reached = new int[schedule.Ranks.Count];
        foreach (var (rank, position) in DryRun.Order(schedule))
        {
            reached[rank] = position + 1;
        }

        for (var rank = 0; rank < reached.Length; rank++)
        {
            if (reached[rank] < schedule.Ranks[rank].Count)
            {
                var needed = schedule.Ranks[rank][reached[rank]].Needs(schedule.Stages)!.Value;
                Refuse(schedule, rank, reached[rank], needed.Kind == HandOverKind.Activation
                    ? $"deadlock: it waits for the activation of stage {needed.Sender} for ever"
                    : $"deadlock: it waits for the gradient of stage {needed.Sender} for ever");
            }
        }
    }

    private static void Refuse(Schedule schedule, int rank, int cell, string? problem)
    {
        if (problem is not null)
        {
            throw new InvalidScheduleException(
                $"Schedule {schedule.Name}, rank {rank}, cell {cell}: {problem}.\n{ScheduleGrid.Mark(schedule, rank, cell, problem)}");
        }
    }
}
