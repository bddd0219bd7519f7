namespace Pipeline.Core.Schedules;

/// <summary>How many hand-overs an edge needs in flight: exactly what the schedule itself can have under way when the receiver is as
/// slow as its dependencies allow. With fewer a run can deadlock; with more a fast stage floods a slow one.</summary>
public static class Credits
{
    /// <summary>Credits of the edge on which <paramref name="stage"/> hands over the results of its <paramref name="kind"/> actions:
    /// activations to the next stage, gradients to the one before. At least 1.</summary>
    public static int Of(Schedule schedule, int stage, ActionKind kind)
    {
        var receiver = kind == ActionKind.Forward ? stage + 1 : stage - 1;
        var receiverRow = schedule.Ranks[receiver];
        var passed = new HashSet<PipelineAction>();
        int sent = 0, consumed = 0, most = 1;
        foreach (var action in schedule.Ranks[stage])
        {
            if (action.Kind == kind)
            {
                sent++;
                most = Math.Max(most, sent - consumed);
                continue;
            }

            // What the receiver has handed back proves that it got at least this far in its own list.
            for (var proof = action with { Stage = receiver }; !passed.Contains(proof);)
            {
                var next = receiverRow[passed.Count];
                passed.Add(next);
                consumed += next.Kind == kind ? 1 : 0;
            }
        }

        return most;
    }
}
