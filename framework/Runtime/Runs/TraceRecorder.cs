using System.Diagnostics;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>Keeps the newest steps of a run for its trace.</summary>
internal sealed class TraceRecorder(Schedule schedule)
{
    /// <summary>Enough to see the steady state; the file stays small for any number of steps.</summary>
    private const int MostSteps = 50;

    /// <summary>So that the file of a large schedule stays small enough for a viewer.</summary>
    private const int MostActions = 200_000;

    private readonly int kept = Math.Clamp(MostActions / schedule.Ranks.Sum(row => row.Count), 1, MostSteps);
    private readonly SortedDictionary<long, (IReadOnlyList<IReadOnlyList<ActionTime>> Actions, IReadOnlyList<Interval>? Optimizers)> newest = [];

    /// <param name="actions">Of each rank.</param>
    public void Ran(long step, IReadOnlyList<IReadOnlyList<ActionTime>> actions)
    {
        newest[step] = (actions, null);
        if (newest.Count > kept)
        {
            newest.Remove(newest.Keys.First());
        }
    }

    /// <param name="optimizers">Of each rank, after the step.</param>
    public void Optimized(long step, IReadOnlyList<Interval> optimizers)
    {
        if (newest.TryGetValue(step, out var ran))
        {
            newest[step] = (ran.Actions, optimizers);
        }
    }

    public void Write(string path)
    {
        var origin = newest.Values.SelectMany(step => step.Actions).Select(row => row[0].Start).DefaultIfEmpty().Min();
        using var stream = new FileStream(path, FileMode.Create);
        ChromeTrace.Write(stream, new(schedule, [.. newest.Select(entry => new StepTrace(
            entry.Key, [.. entry.Value.Actions.Select((row, rank) => Trace(row, entry.Value.Optimizers?[rank]))]))]));

        RankTrace Trace(IReadOnlyList<ActionTime> row, Interval? optimizer) => new(
            [.. row.Select(action => new TimedAction(action.Action, Seconds(action.Start), Seconds(action.End)))],
            optimizer is { } interval ? new(Seconds(interval.Start), Seconds(interval.End)) : null);

        double Seconds(long ticks) => (double)(ticks - origin) / Stopwatch.Frequency;
    }
}
