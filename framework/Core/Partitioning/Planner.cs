using Pipeline.Core.Schedules;

namespace Pipeline.Core.Partitioning;

/// <summary>Predicts steps of a job from what its layers cost: cuts the layers for a schedule, simulates it, and adds up memory.</summary>
/// <param name="profiles">Of every layer, embedding and head included.</param>
/// <param name="recompute">Which layers run forward twice.</param>
/// <param name="split"><c>auto</c>, <c>even</c>, or how many layers each stage takes; <c>auto</c> for schedules with another number of stages.</param>
/// <param name="transfer">Seconds of a hand-over between two ranks.</param>
/// <param name="memoryLimit">Bytes of parameters, gradients, optimizer state and activations on a rank; null: no limit.</param>
public sealed class Planner(
    IReadOnlyList<LayerProfile> profiles, RecomputeRule recompute, IReadOnlyList<string> split, double transfer, long? memoryLimit)
{
    private readonly LayerProfile[] layers =
        [.. profiles.Select((profile, index) => recompute.Covers(index, profiles.Count) ? profile.Recomputed : profile)];

    public long? MemoryLimit => memoryLimit;

    /// <summary>For each stage of the schedule the range of its layers; null where no cut fits the memory limit.</summary>
    public IReadOnlyList<Range>? Cut(Schedule schedule) => split switch
    {
        ["even"] => LayerSplit.Even(layers.Length, schedule.Stages),
        not ["auto"] when split.Count == schedule.Stages => LayerSplit.Listed(layers.Length, split),
        _ => Balanced(schedule),
    };

    /// <summary>What the schedule's actions take with the layers cut by <see cref="Cut"/>, or evenly where nothing fits.</summary>
    public ActionTimes Times(Schedule schedule) => Times(schedule, Cut(schedule) ?? LayerSplit.Even(layers.Length, schedule.Stages));

    /// <summary>Null where no cut fits the memory limit.</summary>
    public StepPrediction? Predict(Schedule schedule)
    {
        if (Cut(schedule) is not { } cuts)
        {
            return null;
        }

        var bytes = Enumerable.Range(0, schedule.Ranks.Count).Select(rank => BytesOf(schedule, rank, cuts)).ToArray();
        return bytes.Max() > memoryLimit ? null : new(cuts, Simulator.Run(schedule, Times(schedule, cuts)), bytes);
    }

    private ActionTimes Times(Schedule schedule, IReadOnlyList<Range> cuts) => new(
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.Forward))],
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.InputGradient + (recompute.WholeStage ? layer.Forward : 0)))],
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.WeightGradient))],
        transfer,
        [.. schedule.StagesOf.Select(stages => stages.SelectMany(stage => layers.Take(cuts[stage])).Sum(layer => layer.Optimizer))]);

    /// <summary>With several stages a rank each may take an equal share of the rank's memory.</summary>
    private IReadOnlyList<Range>? Balanced(Schedule schedule)
    {
        var alive = Enumerable.Range(0, schedule.Stages).Select(stage => MostAlive(schedule, stage)).ToArray();
        return LayerSplit.Balanced([.. layers.Select(layer => layer.Total)], schedule.Stages, memoryLimit is null ? null : (stage, range) =>
            StateBytes(range) + (alive[stage] * ActivationBytes(range)) <= memoryLimit / schedule.StagesOf[schedule.RankOf(stage)].Count);
    }

    private static int MostAlive(Schedule schedule, int stage)
    {
        var (alive, most) = (0, 0);
        foreach (var action in schedule.Ranks[schedule.RankOf(stage)].Where(action => action.Stage == stage))
        {
            alive += action.Kind == ActionKind.Forward ? 1 : action.GivesWeightGradient ? -1 : 0;
            most = Math.Max(most, alive);
        }

        return most;
    }

    /// <summary>State and the most that is alive at once. A recomputed stage has its own activations besides while it goes backward.</summary>
    private long BytesOf(Schedule schedule, int rank, IReadOnlyList<Range> cuts)
    {
        var (alive, most) = (0L, 0L);
        foreach (var action in schedule.Ranks[rank])
        {
            var cut = cuts[action.Stage];
            alive += action.Kind == ActionKind.Forward ? ActivationBytes(cut) : 0;
            most = Math.Max(most, alive + (recompute.WholeStage ? layers.Take(cut).Sum(layer => layer.ActivationBytes) : 0));
            alive -= action.GivesWeightGradient ? ActivationBytes(cut) : 0;
        }

        return schedule.StagesOf[rank].Sum(stage => StateBytes(cuts[stage])) + most;
    }

    private long StateBytes(Range cut) => layers.Take(cut).Sum(layer => layer.StateBytes);

    /// <summary>Of one micro-batch alive on a stage.</summary>
    private long ActivationBytes(Range cut) =>
        recompute.WholeStage ? layers[cut.Start].InputBytes : layers.Take(cut).Sum(layer => layer.ActivationBytes);
}
