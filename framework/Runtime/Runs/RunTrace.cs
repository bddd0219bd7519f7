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

    /// <summary>The run's own mean times, to predict its steps with. The first step of a trace may be the one that warms everything up, and is
    /// left out where there are others.</summary>
    public ActionTimes MeanTimes()
    {
        var steps = Steps.Skip(Steps.Count > 1 ? 1 : 0).ToArray();
        var spent = steps.SelectMany(step => step.Ranks).SelectMany(rank => rank.Actions)
            .ToLookup(timed => (timed.Action.Stage, timed.Action.Kind), timed => timed.End - timed.Start);
        return new(
            Means(ActionKind.Forward),
            // A whole backward's time is not told apart; a schedule that splits it tells its input gradients by themselves.
            [.. Means(ActionKind.InputGradient).Zip(Means(ActionKind.Backward), (input, whole) => input > 0 ? input : whole)],
            Means(ActionKind.WeightGradient),
            Mean(steps.SelectMany(Transfers).Select(transfer => transfer.Latency).OfType<double>()),
            [.. Schedule.Ranks.Select((_, rank) => Mean(steps.Select(step => step.Ranks[rank].Optimizer?.Seconds).OfType<double>()))]);

        double[] Means(ActionKind kind) => [.. Enumerable.Range(0, Schedule.Stages).Select(stage => Mean(spent[(stage, kind)]))];
    }

    private static double Mean(IEnumerable<double> seconds) => seconds.DefaultIfEmpty().Average();
}
