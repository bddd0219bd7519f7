namespace Pipeline.Core.Schedules;

/// <summary>How long actions take, in seconds or any other unit, as long as it is one.</summary>
/// <param name="Forward">By stage, of one micro-batch.</param>
/// <param name="InputGradient">By stage.</param>
/// <param name="WeightGradient">By stage. A whole backward takes both gradients' time.</param>
/// <param name="Transfer">From the end of an action on one rank until its hand-over is on another; it keeps neither rank busy.</param>
/// <param name="Optimizer">By rank: the step after all ranks have ended their actions. Null: no barrier and no such step.</param>
public sealed record ActionTimes(
    IReadOnlyList<double> Forward,
    IReadOnlyList<double> InputGradient,
    IReadOnlyList<double> WeightGradient,
    double Transfer = 0,
    IReadOnlyList<double>? Optimizer = null)
{
    /// <summary>All ranks alike: each duration is that of one micro-batch on one rank, divided evenly over its stages.</summary>
    public static ActionTimes PerRank(
        Schedule schedule, double forward, double inputGradient, double weightGradient, double transfer = 0, double? optimizer = null) =>
        FromLists(schedule, [forward], [inputGradient], [weightGradient], transfer, optimizer is { } step ? [step] : null);

    /// <summary>Each list has one entry for all ranks, one a rank (both divided evenly over a rank's stages), or one a stage.</summary>
    /// <exception cref="BadInputException">A list has another number of entries.</exception>
    public static ActionTimes FromLists(
        Schedule schedule,
        IReadOnlyList<double> forward,
        IReadOnlyList<double> inputGradient,
        IReadOnlyList<double> weightGradient,
        double transfer = 0,
        IReadOnlyList<double>? optimizer = null) =>
        new(ByStage(schedule, forward), ByStage(schedule, inputGradient), ByStage(schedule, weightGradient), transfer, ByRank(schedule, optimizer));

    public double Of(PipelineAction action) => action.Kind switch
    {
        ActionKind.Forward => Forward[action.Stage],
        ActionKind.InputGradient => InputGradient[action.Stage],
        ActionKind.WeightGradient => WeightGradient[action.Stage],
        _ => InputGradient[action.Stage] + WeightGradient[action.Stage],
    };

    private static double[] ByStage(Schedule schedule, IReadOnlyList<double> durations)
    {
        var (ranks, stages) = (schedule.Ranks.Count, schedule.Stages);
        return durations.Count == 1 || durations.Count == ranks
            ? [.. Enumerable.Range(0, stages).Select(schedule.RankOf).Select(rank =>
                durations[durations.Count == 1 ? 0 : rank] / schedule.StagesOf[rank].Count)]
            : durations.Count == stages ? [.. durations]
            : throw new BadInputException(stages == ranks
                ? $"A list of durations must have 1 entry or one for each of the {ranks} stages, not {durations.Count} entries."
                : $"A list of durations must have 1 entry, one for each of the {ranks} stages, or one for each of their {stages} chunks, "
                    + $"not {durations.Count} entries.");
    }

    private static IReadOnlyList<double>? ByRank(Schedule schedule, IReadOnlyList<double>? durations) => durations switch
    {
        null => null,
        [var all] => [.. Enumerable.Repeat(all, schedule.Ranks.Count)],
        _ when durations.Count == schedule.Ranks.Count => durations,
        _ => throw new BadInputException(
            $"The optimizer's durations must have 1 entry or one for each of the {schedule.Ranks.Count} stages, not {durations.Count} entries."),
    };
}
