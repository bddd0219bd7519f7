namespace Pipeline.Core.Schedules;

/// <summary>Rows of a rank that warms up with some forwards, then alternates one forward and one backward, then ends with backwards.</summary>
internal static class ForwardsAndBackwards
{
    /// <summary>With whole backwards.</summary>
    /// <param name="forwards">The rank's forwards in order.</param>
    /// <param name="backwards">Its backwards in order, as many.</param>
    /// <param name="warmup">Forwards before the first pair.</param>
    public static IEnumerable<PipelineAction> Whole(
        IReadOnlyList<PipelineAction> forwards, IReadOnlyList<PipelineAction> backwards, int warmup)
    {
        for (var i = 0; i < forwards.Count + warmup; i++)
        {
            if (i < forwards.Count)
            {
                yield return forwards[i];
            }

            if (i >= warmup && i - warmup < backwards.Count)
            {
                yield return backwards[i - warmup];
            }
        }
    }

    /// <summary>With split backwards: a weight gradient follows once more than <paramref name="lag"/> are pending, so that later ranks,
    /// which start later, keep some for the end, where they would otherwise idle.</summary>
    public static IEnumerable<PipelineAction> Split(
        IReadOnlyList<PipelineAction> forwards, IReadOnlyList<PipelineAction> backwards, int warmup, int lag)
    {
        var pending = new Queue<PipelineAction>();
        foreach (var action in Whole(forwards, backwards, warmup))
        {
            if (action.Kind == ActionKind.Forward)
            {
                yield return action;
                continue;
            }

            yield return action with { Kind = ActionKind.InputGradient };
            pending.Enqueue(action with { Kind = ActionKind.WeightGradient });
            if (pending.Count > lag)
            {
                yield return pending.Dequeue();
            }
        }

        foreach (var left in pending)
        {
            yield return left;
        }
    }
}
