using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <summary>The newest steps of a run, as they were measured.</summary>
/// <param name="Steps">Ascending; at least one. All ran the schedule's rows.</param>
public sealed record RunTrace(Schedule Schedule, IReadOnlyList<StepTrace> Steps)
{
    /// <summary>A step's hand-overs from one rank to another, each with the action that gave and the one that took it.</summary>
    public IEnumerable<Transfer> Transfers(StepTrace step)
    {
        var sent = new Dictionary<HandOver, TimedAction>();
        foreach (var timed in step.Ranks.SelectMany(rank => rank.Actions))
        {
            if (timed.Action.Gives(Schedule.Stages) is { } given)
            {
                sent.Add(given, timed);
            }
        }

        var before = Steps.FirstOrDefault(other => other.Step == step.Step - 1);
        for (var rank = 0; rank < step.Ranks.Count; rank++)
        {
            var free = before?.Ranks[rank].End;
            foreach (var timed in step.Ranks[rank].Actions)
            {
                if (timed.Action.Needs(Schedule.Stages) is { } needed && Schedule.RankOf(needed.Sender) != rank)
                {
                    yield return new(needed, sent[needed], timed, free);
                }

                free = timed.End;
            }
        }
    }
}
