namespace Pipeline.Core.Schedules;

/// <summary>Turns given orders of forwards and input gradients into a whole schedule by simulation, event by event: the rank that decides
/// earliest decides next, so that everything it could know by then has happened. Weight gradients fill waits, and make room when memory
/// is too full for a forward; what is left of them comes last.</summary>
internal sealed class ListScheduling
{
    private const int MostAhead = 2;   // places by which a first chunk's forward may overtake

    private readonly Schedule orders;
    private readonly ActionTimes times;
    private readonly double threshold;
    private readonly double patience;
    private readonly int[] capacity;   // by rank, in chunks
    private readonly int[] alive;
    private readonly int[] taken;   // forwards and input gradients so far
    private readonly double[] free;
    private readonly (PipelineAction? Action, double Start)[] decision;   // by rank; the start is infinity while nobody knows it
    private readonly int[][] next;   // by kind of hand-over, then stage: the next micro-batch
    private readonly int[][] place;   // by kind of hand-over, then stage and micro-batch: the position in the rank's order
    private readonly double[][] arrivals;   // likewise; infinity while unknown
    private readonly Queue<PipelineAction>[] pending;
    private readonly List<TimedAction>[] done;

    private ListScheduling(Schedule orders, ActionTimes times, double memoryLimit, double threshold, double patience)
    {
        (this.orders, this.times, this.threshold, this.patience) = (orders, times, threshold, patience);
        var ranks = orders.Ranks.Count;
        capacity = [.. orders.StagesOf.Select(stages => Capacity(memoryLimit, stages.Count))];
        (alive, taken, free, decision) = (new int[ranks], new int[ranks], new double[ranks], new (PipelineAction?, double)[ranks]);
        next = [new int[orders.Stages], new int[orders.Stages]];
        var all = orders.Stages * orders.MicroBatches;
        (place, arrivals) = ([new int[all], new int[all]], [new double[all], new double[all]]);
        foreach (var (position, action) in orders.Ranks.SelectMany(row => row.Index()))
        {
            place[(int)Side(action)][Index(action.Stage, action.MicroBatch)] = position;
            arrivals[(int)Side(action)][Index(action.Stage, action.MicroBatch)] =
                action.Needs(orders.Stages) is null && Side(action) == HandOverKind.Activation ? 0 : double.PositiveInfinity;
        }

        pending = [.. orders.Ranks.Select(_ => new Queue<PipelineAction>())];
        done = [.. orders.Ranks.Select(row => new List<TimedAction>(row.Count * 3 / 2))];
    }

    /// <param name="orders">Forwards and input gradients only, each stage's ascending.</param>
    /// <param name="memoryLimit">The most activations alive on a rank, in units of one micro-batch on a rank.</param>
    /// <param name="threshold">The shortest wait that a weight gradient may fill, as a part of its duration: at 0 none is too short, at 1
    /// none delays what it waits for. A wait whose end nobody knows yet counts as long.</param>
    /// <param name="patience">How long a rank waits for the first in its order rather than take another that is there; infinity keeps the
    /// orders. First chunks' forwards do not overtake by much: they would fill the memory that others need.</param>
    /// <returns>The schedule as it runs; null when the orders do not fit the memory.</returns>
    public static Simulation? Run(
        Schedule orders, ActionTimes times, double memoryLimit, double threshold, double patience = double.PositiveInfinity)
    {
        var run = new ListScheduling(orders, times, memoryLimit, threshold, patience);
        for (var rank = 0; rank < orders.Ranks.Count; rank++)
        {
            run.Decide(rank);
        }

        for (var rank = run.First(); !double.IsPositiveInfinity(run.decision[rank].Start); rank = run.First())
        {
            run.Act(rank);
        }

        var rows = run.done.Select(row => row.Select(timed => timed.Action).ToArray()).ToArray();
        return rows.Sum(row => row.Length) * 2 == orders.Ranks.Sum(row => row.Count) * 3
            ? new(new Schedule(orders.Name, orders.MicroBatches, rows), times, run.done)
            : null;
    }

    /// <summary>How many activations of a chunk fit.</summary>
    public static int Capacity(double memoryLimit, int chunks) => (int)Math.Min(int.MaxValue, Math.Floor((memoryLimit * chunks) + 1e-9));

    private static HandOverKind Side(PipelineAction action) =>
        action.Kind == ActionKind.Forward ? HandOverKind.Activation : HandOverKind.Gradient;

    private int Index(int stage, int microBatch) => (stage * orders.MicroBatches) + microBatch;

    private int First()
    {
        var first = 0;
        for (var rank = 1; rank < decision.Length; rank++)
        {
            first = decision[rank].Start < decision[first].Start ? rank : first;
        }

        return first;
    }

    private void Decide(int rank)
    {
        var (chosen, full) = Choose(rank);
        var wait = chosen.Start - free[rank];
        var fills = pending[rank].TryPeek(out var weight) && wait > 0 && (full || wait >= threshold * times.Of(weight));
        decision[rank] = fills ? (weight, free[rank]) : chosen;
    }

    /// <summary>The first in order of those that can start soon enough, and whether a forward that is there lacks memory.</summary>
    private ((PipelineAction? Action, double Start) Chosen, bool IsFull) Choose(int rank)
    {
        var earliest = double.IsPositiveInfinity(patience) ? 0 : Heads(rank).Select(head => head.Start).DefaultIfEmpty(double.PositiveInfinity).Min();
        (PipelineAction?, double) chosen = (null, double.PositiveInfinity);
        var (first, full) = (int.MaxValue, false);
        foreach (var (action, start, hasRoom) in Heads(rank))
        {
            full |= !hasRoom;
            var at = place[(int)Side(action)][Index(action.Stage, action.MicroBatch)];
            if (at < first && start <= earliest + patience)
            {
                (first, chosen) = (at, (action, start));
            }
        }

        return (chosen, full);
    }

    /// <summary>Each chunk's next forward and input gradient, and when it can start.</summary>
    private IEnumerable<(PipelineAction Action, double Start, bool HasRoom)> Heads(int rank)
    {
        foreach (var stage in orders.StagesOf[rank])
        {
            if (next[(int)HandOverKind.Gradient][stage] is var gradient && gradient < orders.MicroBatches)
            {
                var start = Math.Max(free[rank], arrivals[(int)HandOverKind.Gradient][Index(stage, gradient)]);
                yield return (PipelineAction.InputGradient(stage, gradient), start, true);
            }

            if (next[(int)HandOverKind.Activation][stage] is var forward && forward < orders.MicroBatches)
            {
                var spare = double.IsPositiveInfinity(patience) || stage != orders.StagesOf[rank][0] ? 0 : orders.StagesOf[rank].Count - 1;
                var hasRoom = alive[rank] + spare < capacity[rank]
                    && (spare == 0 || place[(int)HandOverKind.Activation][Index(stage, forward)] <= taken[rank] + MostAhead);
                var start = Math.Max(free[rank], arrivals[(int)HandOverKind.Activation][Index(stage, forward)]);
                yield return (PipelineAction.Forward(stage, forward), hasRoom ? start : double.PositiveInfinity, hasRoom || start > free[rank]);
            }
        }
    }

    private void Act(int rank)
    {
        var (action, start) = (decision[rank].Action!.Value, decision[rank].Start);
        free[rank] = start + times.Of(action);
        done[rank].Add(new(action, start, free[rank]));
        if (action.Kind == ActionKind.WeightGradient)
        {
            alive[rank]--;
            pending[rank].Dequeue();
            Decide(rank);
            return;
        }

        taken[rank]++;
        next[(int)Side(action)][action.Stage]++;
        if (action.Kind == ActionKind.Forward)
        {
            alive[rank]++;
        }
        else
        {
            pending[rank].Enqueue(action with { Kind = ActionKind.WeightGradient });
        }

        if (action.Gives(orders.Stages) is { } given)
        {
            Arrive(given.Kind, given.Stage, action.MicroBatch, free[rank] + (orders.RankOf(given.Stage) == rank ? 0 : times.Transfer));
        }
        else if (action.Kind == ActionKind.Forward)
        {
            // The last stage's output gradient follows from its output.
            Arrive(HandOverKind.Gradient, action.Stage, action.MicroBatch, free[rank]);
        }

        Decide(rank);
    }

    private void Arrive(HandOverKind kind, int stage, int microBatch, double time)
    {
        arrivals[(int)kind][Index(stage, microBatch)] = time;
        Decide(orders.RankOf(stage));
    }
}
