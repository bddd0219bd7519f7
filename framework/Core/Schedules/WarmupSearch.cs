namespace Pipeline.Core.Schedules;

/// <summary>Searches schedules with one stage a rank: each rank warms up with its own number of forwards, then alternates an input gradient
/// and a forward; weight gradients go where the real durations leave room (as in the zero-bubble paper's scheduler,
/// arXiv:2401.10241, section 3.1; here the warm-ups are climbed from several starts).</summary>
internal sealed class WarmupSearch
{
    private const int MostActions = 4_000_000;
    private static readonly double[] Thresholds = [0, 0.5, 1];

    private readonly int ranks;
    private readonly int microBatches;
    private readonly ActionTimes times;
    private readonly double memoryLimit;
    private readonly int most;   // forwards of a warm-up
    private readonly Dictionary<string, Simulation> tried = [];
    private int effort;   // simulations left: counted, not timed, so that the result is the same on every machine

    /// <param name="times">With one stage a rank.</param>
    /// <param name="memoryLimit">At least 1.</param>
    public WarmupSearch(int ranks, int microBatches, ActionTimes times, double memoryLimit)
    {
        (this.ranks, this.microBatches, this.times, this.memoryLimit) = (ranks, microBatches, times, memoryLimit);
        most = (int)Math.Min(microBatches, Math.Floor(memoryLimit + 1e-9));
        effort = MostActions / (3 * ranks * microBatches);
    }

    /// <summary>The best found.</summary>
    public Simulation Find() => Starts().Select(Climb).MinBy(AutomaticSchedule.CostOf)!;

    /// <summary>Warm-ups to start from: those of the named schedules, and what fits before the first gradient can be back.</summary>
    private IEnumerable<int[]> Starts()
    {
        var (trip, since) = (new double[ranks], 0.0);
        for (var rank = ranks - 1; rank >= 0; rank--)
        {
            since += times.Forward[rank];
            trip[rank] = since;
            since += times.InputGradient[rank] + (2 * times.Transfer);
        }

        var slowest = 0.0;
        var fits = trip.Select((time, rank) =>
        {
            slowest = Math.Max(slowest, times.Forward[rank]);
            return slowest > 0 ? (int)Math.Min(most, time / slowest) : 1;
        });
        var left = Enumerable.Range(0, ranks).Select(rank => ranks - rank);
        return [Bounded(fits), Bounded(left), Bounded(left.Select(following => (2 * following) - 1))];
    }

    /// <summary>Within memory, and no rank with fewer than the next: that one would wait for ever for a forward before its first gradient.</summary>
    private int[] Bounded(IEnumerable<int> warmups)
    {
        int[] bounded = [.. warmups.Select(count => Math.Clamp(count, 1, most))];
        for (var rank = ranks - 2; rank >= 0; rank--)
        {
            bounded[rank] = Math.Max(bounded[rank], bounded[rank + 1]);
        }

        return bounded;
    }

    /// <summary>Goes to the best neighbour until none is better.</summary>
    private Simulation Climb(int[] start)
    {
        var (at, best) = (start, Try(start));
        for (var climbing = true; climbing && effort > 0;)
        {
            climbing = false;
            foreach (var neighbour in Neighbours(at).TakeWhile(_ => effort > 0))
            {
                if (Try(neighbour) is var found && AutomaticSchedule.CostOf(found).CompareTo(AutomaticSchedule.CostOf(best)) < 0)
                {
                    (at, best, climbing) = (neighbour, found, true);
                }
            }
        }

        return best;
    }

    /// <summary>One forward more or less on one rank, or on all up to it.</summary>
    private IEnumerable<int[]> Neighbours(int[] warmups) =>
        from rank in Enumerable.Range(0, ranks)
        from first in new[] { rank, 0 }
        from step in new[] { 1, -1 }
        select Bounded(warmups.Select((count, r) => r >= first && r <= rank ? count + step : count));

    private Simulation Try(int[] warmups)
    {
        var key = string.Join(',', warmups);
        if (!tried.TryGetValue(key, out var best))
        {
            var orders = new Schedule("warm-ups", microBatches, [.. warmups.Select((count, rank) => Row(rank, count))]);
            best = Thresholds.Select(threshold => ListScheduling.Run(orders, times, memoryLimit, threshold)!)
                .MinBy(AutomaticSchedule.CostOf)!;
            tried.Add(key, best);
            effort -= Thresholds.Length;
        }

        return best;
    }

    private PipelineAction[] Row(int rank, int warmup)
    {
        PipelineAction[] forwards = [.. Enumerable.Range(0, microBatches).Select(m => PipelineAction.Forward(rank, m))];
        PipelineAction[] gradients = [.. Enumerable.Range(0, microBatches).Select(m => PipelineAction.InputGradient(rank, m))];
        return [.. ForwardsAndBackwards.Whole(forwards, gradients, warmup - 1)];
    }
}
