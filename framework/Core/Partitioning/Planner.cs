using Pipeline.Core.Jobs;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Partitioning;

/// <summary>Predicts steps of a job from what its layers cost: cuts the layers for a schedule, simulates it, and adds up memory.</summary>
public sealed class Planner
{
    /// <summary>Parts of a rank's memory that each of its stages may take while layers are cut, tried in turn: equal ones first.</summary>
    private static readonly double[] Shares = [1, 1.25, 1.5, 2, double.PositiveInfinity];

    private readonly LayerProfile[] layers;
    private readonly IReadOnlyList<string> split;
    private readonly double transfer;
    private readonly long? memoryLimit;
    private readonly bool keepsInputsOnly;
    private readonly long[] states;      // sums over the layers before
    private readonly long[] kept;
    private readonly long[] activations;
    private readonly long recomputed;    // the activations of one recomputed layer, while it goes backward
    private readonly Dictionary<int, IReadOnlyList<Range>> known = [];

    /// <param name="profiles">Of every layer, embedding and head included.</param>
    /// <param name="recompute">Which layers run forward twice.</param>
    /// <param name="split"><c>auto</c>, <c>even</c>, or how many layers each stage takes; <c>auto</c> for schedules with another number of stages.</param>
    /// <param name="transfer">Seconds of a hand-over between two ranks.</param>
    /// <param name="memoryLimit">Bytes of parameters, gradients, optimizer state and activations on a rank; null: no limit.</param>
    /// <param name="optimizerShards">Replicas that share the optimizer's state; 1 where each has all of it.</param>
    /// <param name="optimizer">What decides how much state there is; AdamW without it.</param>
    public Planner(
        IReadOnlyList<LayerProfile> profiles, RecomputeRule recompute, IReadOnlyList<string> split, double transfer, long? memoryLimit, int optimizerShards = 1,
        OptimizerSettings? optimizer = null)
    {
        (this.split, this.transfer, this.memoryLimit, keepsInputsOnly) = (split, transfer, memoryLimit, recompute.WholeStage);
        bool RunsTwice(int layer) => recompute.WholeStage || recompute.Covers(layer, profiles.Count);
        layers = [.. profiles.Select((profile, index) => RunsTwice(index) ? profile with { InputGradient = profile.InputGradient + profile.Forward } : profile)];
        states = Sums(profiles.Select(profile => profile.StateBytes(optimizerShards, optimizer ?? new())));
        activations = Sums(profiles.Select(profile => profile.ActivationBytes));
        kept = Sums(profiles.Select((profile, index) => RunsTwice(index) ? profile.InputBytes : profile.ActivationBytes));
        recomputed = recompute.WholeStage ? 0 : profiles.Where((_, index) => RunsTwice(index)).Select(profile => profile.ActivationBytes).DefaultIfEmpty().Max();
    }

    /// <summary>For each stage of the schedule the range of its layers; null where no cut is found that fits the memory limit.</summary>
    public IReadOnlyList<Range>? Cut(Schedule schedule) => split switch
    {
        ["even"] => LayerSplit.Even(layers.Length, schedule.Stages),
        not ["auto"] when split.Count == schedule.Stages => LayerSplit.Listed(layers.Length, split),
        _ when memoryLimit is { } limit => Balanced(schedule, limit),
        _ => Balanced(schedule.Stages),
    };

    /// <summary>What the schedule's actions take with the layers cut by <see cref="Cut"/>, or as fast as can be where nothing fits.</summary>
    public ActionTimes Times(Schedule schedule) => Times(schedule, Cut(schedule) ?? Balanced(schedule.Stages));

    /// <summary>Null where no cut is found that fits the memory limit.</summary>
    public StepPrediction? Predict(Schedule schedule) => Cut(schedule) is { } cuts && BytesOf(schedule, cuts) is var bytes && !(bytes.Max() > memoryLimit)
        ? new(cuts, Simulator.Run(schedule, Times(schedule, cuts)), bytes)
        : null;

    private ActionTimes Times(Schedule schedule, IReadOnlyList<Range> cuts) => new(
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.Forward))],
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.InputGradient))],
        [.. cuts.Select(cut => layers.Take(cut).Sum(layer => layer.WeightGradient))],
        transfer,
        [.. schedule.StagesOf.Select(stages => stages.SelectMany(stage => layers.Take(cuts[stage])).Sum(layer => layer.Optimizer))]);

    private IReadOnlyList<Range> Balanced(int stages)
    {
        if (!known.TryGetValue(stages, out var cuts))
        {
            known.Add(stages, cuts = LayerSplit.Balanced([.. layers.Select(layer => layer.Total)], stages)!);
        }

        return cuts;
    }

    private IReadOnlyList<Range>? Balanced(Schedule schedule, long limit)
    {
        var alive = Enumerable.Range(0, schedule.Stages).Select(stage => MostAlive(schedule, stage)).ToArray();
        return Shares
            .Select(share => LayerSplit.Balanced([.. layers.Select(layer => layer.Total)], schedule.Stages, (stage, range) =>
                Sum(states, range) + (alive[stage] * Kept(range)) + Transient(range)
                    <= Math.Min(limit, share * limit / schedule.StagesOf[schedule.RankOf(stage)].Count)))
            .OfType<IReadOnlyList<Range>>()
            .FirstOrDefault(cuts => BytesOf(schedule, cuts).Max() <= limit);
    }

    private static int MostAlive(Schedule schedule, int stage)
    {
        var (alive, most) = (0, 0);
        foreach (var action in schedule.Ranks[schedule.RankOf(stage)].Where(action => action.Stage == stage))
        {
            most = Math.Max(most, alive += action.ActivationsAdded);
        }

        return most;
    }

    private long[] BytesOf(Schedule schedule, IReadOnlyList<Range> cuts) => [.. schedule.Ranks.Select((row, rank) =>
    {
        var (alive, most) = (0L, 0L);
        foreach (var action in row)
        {
            alive += Math.Max(0, action.ActivationsAdded) * Kept(cuts[action.Stage]);
            most = Math.Max(most, alive + Transient(cuts[action.Stage]));
            alive += Math.Min(0, action.ActivationsAdded) * Kept(cuts[action.Stage]);
        }

        return schedule.StagesOf[rank].Sum(stage => Sum(states, cuts[stage])) + most;
    })];

    /// <summary>Of one micro-batch alive on a stage.</summary>
    private long Kept(Range cut) => keepsInputsOnly ? layers[cut.Start].InputBytes : Sum(kept, cut);

    /// <summary>What a recomputed part has besides while it goes backward.</summary>
    private long Transient(Range cut) => keepsInputsOnly ? Sum(activations, cut) : recomputed;

    private static long[] Sums(IEnumerable<long> values)
    {
        var sums = new List<long> { 0 };
        foreach (var value in values)
        {
            sums.Add(sums[^1] + value);
        }

        return [.. sums];
    }

    private static long Sum(long[] sums, Range range) => sums[range.End.Value] - sums[range.Start.Value];
}
