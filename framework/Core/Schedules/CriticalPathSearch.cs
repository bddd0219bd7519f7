namespace Pipeline.Core.Schedules;

/// <summary>Improves a schedule by moving actions of the critical path of the rank with the longest span past their neighbours: only there
/// can a move shorten it (as in local search for job shops, van Laarhoven et al. 1992). Worse ones are accepted too, ever less of it.</summary>
internal sealed class CriticalPathSearch
{
    private const int LongestMove = 8;
    private const double FirstTolerance = 0.2;   // of a mean action
    private const int MostTries = 100_000;
    private const int TriesPerAction = 100;
    private const long MostActions = 150_000_000;   // visited by all tries

    private readonly Schedule schedule;
    private readonly int[][] rows;   // numbers of actions
    private readonly PipelineAction[] actions;
    private readonly double[] duration;
    private readonly int[] memory;   // what it adds to the activations alive
    private readonly int[] needed;   // the action whose hand-over it needs; -1 for none
    private readonly double[] delay;   // of that hand-over
    private readonly double[] start;
    private readonly double[] end;
    private readonly int[] capacity;
    private readonly int[] reached;
    private readonly double tolerance;
    private readonly bool hasBarrier;
    private readonly (int Rank, int Position)[] place;   // of every action

    private CriticalPathSearch(Schedule schedule, ActionTimes times, double memoryLimit)
    {
        this.schedule = schedule;
        actions = [.. schedule.Ranks.SelectMany(row => row)];
        var number = actions.Index().ToDictionary(item => item.Item, item => item.Index);
        var giver = actions.Index().Where(item => item.Item.Gives(schedule.Stages) is not null)
            .ToDictionary(item => item.Item.Gives(schedule.Stages)!.Value, item => item.Index);
        rows = [.. schedule.Ranks.Select(row => row.Select(action => number[action]).ToArray())];
        duration = [.. actions.Select(times.Of)];
        memory = [.. actions.Select(action => action.ActivationsAdded)];
        needed = [.. actions.Select(action => action.Needs(schedule.Stages) is { } need ? giver[need] : -1)];
        delay = [.. actions.Index().Select(item =>
            needed[item.Index] >= 0 && schedule.RankOf(actions[needed[item.Index]].Stage) != schedule.RankOf(item.Item.Stage) ? times.Transfer : 0)];
        capacity = [.. schedule.StagesOf.Select(stages => ListScheduling.Capacity(memoryLimit, stages.Count))];
        (start, end, place) = (new double[actions.Length], new double[actions.Length], new (int, int)[actions.Length]);
        reached = new int[rows.Length];
        (tolerance, hasBarrier) = (FirstTolerance * duration.Average(), times.Optimizer is not null);
    }

    /// <param name="from">Fits the limit.</param>
    /// <returns>A better one, or the same.</returns>
    public static Simulation Improve(Simulation from, ActionTimes times, double memoryLimit)
    {
        var search = new CriticalPathSearch(from.Schedule, times, memoryLimit);
        return search.Run() is { } rows ? Simulator.Run(search.Written(rows), times) : from;
    }

    /// <summary>The best rows; null when none are better than the first.</summary>
    private int[][]? Run()
    {
        var random = new Random(1);   // the same exchanges on every machine
        var tries = (int)Math.Min(Math.Min(MostTries, (long)TriesPerAction * actions.Length), MostActions / actions.Length);
        var cost = Evaluate();
        var (bestCost, best) = (cost, (int[][]?)null);
        var path = CriticalPairs();
        for (var at = 0; at < tries && path.Count > 0; at++)
        {
            var (rank, position) = path[random.Next(path.Count)];
            var distance = random.Next(2) == 0 ? 1 : random.Next(2, LongestMove + 1);
            var (from, to) = random.Next(2) == 0 ? (position, position + distance) : (position + 1, position + 1 - distance);
            if (!CanMove(rank, from, to))
            {
                continue;
            }

            Move(rank, from, to);
            if (!FitsMemory(rank))
            {
                Move(rank, to, from);
                continue;
            }

            var next = Evaluate();
            if (next > cost + (tolerance * Math.Pow(1 - ((double)at / tries), 2) * random.NextDouble()))
            {
                Move(rank, to, from);
                continue;
            }

            cost = next;
            path = CriticalPairs();
            if (cost < bestCost * (1 - 1e-12))
            {
                (bestCost, best) = (cost, [.. rows.Select(row => row.ToArray())]);
            }
        }

        return best;
    }

    private Schedule Written(int[][] best) =>
        new(schedule.Name, schedule.MicroBatches, [.. best.Select(row => row.Select(number => actions[number]).ToArray())]);

    /// <summary>Takes an action out of its row and puts it in at another position.</summary>
    private void Move(int rank, int from, int to)
    {
        var (row, moved) = (rows[rank], rows[rank][from]);
        if (from < to)
        {
            Array.Copy(row, from + 1, row, from, to - from);
        }
        else
        {
            Array.Copy(row, to, row, to + 1, from - to);
        }

        row[to] = moved;
    }

    /// <summary>It passes none of its own stage that must stay on its side.</summary>
    private bool CanMove(int rank, int from, int to)
    {
        var row = rows[rank];
        if (to < 0 || to >= row.Length)
        {
            return false;
        }

        var moved = actions[row[from]];
        for (var at = Math.Min(from, to); at <= Math.Max(from, to); at++)
        {
            var passed = actions[row[at]];
            if (at != from && passed.Stage == moved.Stage && (passed.MicroBatch == moved.MicroBatch || passed.Kind == moved.Kind
                || (passed.GivesInputGradient && moved.GivesInputGradient) || (passed.GivesWeightGradient && moved.GivesWeightGradient)))
            {
                return false;
            }
        }

        return true;
    }

    private bool FitsMemory(int rank)
    {
        var alive = 0;
        foreach (var number in rows[rank])
        {
            alive += memory[number];
            if (alive > capacity[rank])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The longest span, and a little of all, which tells equal ones apart; infinity when the ranks wait for each other.</summary>
    private double Evaluate()
    {
        Array.Clear(reached);
        Array.Fill(end, double.NaN);
        for (var progress = true; progress;)
        {
            progress = false;
            for (var rank = 0; rank < rows.Length; rank++)
            {
                var row = rows[rank];
                var at = reached[rank];
                var free = at > 0 ? end[row[at - 1]] : 0;
                while (at < row.Length && row[at] is var number && (needed[number] < 0 || !double.IsNaN(end[needed[number]])))
                {
                    start[number] = needed[number] < 0 ? free : Math.Max(free, end[needed[number]] + delay[number]);
                    end[number] = free = start[number] + duration[number];
                    place[number] = (rank, at);
                    at++;
                    progress = true;
                }

                reached[rank] = at;
            }
        }

        var (longest, sum) = (0.0, 0.0);
        for (var rank = 0; rank < rows.Length; rank++)
        {
            if (reached[rank] < rows[rank].Length)
            {
                return double.PositiveInfinity;
            }

            longest = Math.Max(longest, Span(rank));
            sum += Span(rank);
        }

        return longest + (sum / rows.Length * 0.01);
    }

    /// <summary>With a barrier after the step, from the step's start.</summary>
    private double Span(int rank) => end[rows[rank][^1]] - (hasBarrier ? 0 : start[rows[rank][0]]);

    /// <summary>Pairs of neighbours on the critical path, by the place of the first.</summary>
    private List<(int Rank, int Position)> CriticalPairs()
    {
        var pairs = new List<(int, int)>();
        var worst = Enumerable.Range(0, rows.Length).MaxBy(Span);
        var number = rows[worst][^1];
        while (true)
        {
            var (rank, position) = place[number];
            if (position > 0 && end[rows[rank][position - 1]] >= start[number] - 1e-12)
            {
                pairs.Add((rank, position - 1));
                number = rows[rank][position - 1];
            }
            else if (needed[number] >= 0)
            {
                number = needed[number];
            }
            else
            {
                return pairs;
            }
        }
    }
}
