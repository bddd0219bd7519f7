namespace Pipeline.Core.Schedules;

/// <summary>Predicts a run: every action starts as soon as its rank has ended the one before and its input is there. A transfer delays
/// only the receiver, in both directions, and never within a rank.</summary>
public static class Simulator
{
    /// <param name="schedule">Valid.</param>
    public static Simulation Run(Schedule schedule, ActionTimes times)
    {
        var arrivals = new Dictionary<HandOver, double>();
        var free = new double[schedule.Ranks.Count];
        var timed = schedule.Ranks.Select(row => new TimedAction[row.Count]).ToArray();
        foreach (var (rank, position) in DryRun.Order(schedule))
        {
            var action = schedule.Ranks[rank][position];
            var start = action.Needs(schedule.Stages) is { } needed ? Math.Max(free[rank], arrivals[needed]) : free[rank];
            free[rank] = start + times.Of(action);
            timed[rank][position] = new(action, start, free[rank]);
            if (action.Gives(schedule.Stages) is { } given)
            {
                arrivals[given] = free[rank] + (schedule.RankOf(given.Stage) == rank ? 0 : times.Transfer);
            }
        }

        return new(schedule, times, timed);
    }
}
