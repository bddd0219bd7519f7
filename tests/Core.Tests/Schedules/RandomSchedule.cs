using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>Any valid schedule, also such as no generator makes: stages on any ranks, forwards and gradients in different orders on each, whole
/// and split backwards side by side.</summary>
internal static class RandomSchedule
{
    public static Gen<Schedule> Of(int ranks, int chunks, int microBatches) =>
        Gen.Select(Gen.Int[1, ranks], Gen.Int[1, chunks], Gen.Int[1, microBatches], Gen.Int.NonNegative)
            .Select((p, v, m, seed) => Create(p, v, m, new Random(seed)));

    /// <summary>Runs whatever could run next, in random order, and writes down what it did.</summary>
    private static Schedule Create(int ranks, int chunks, int microBatches, Random random)
    {
        var stages = ranks * chunks;
        var rankOf = Enumerable.Range(0, stages).Select(stage => stage % ranks).ToArray();
        random.Shuffle(rankOf);
        var split = Enumerable.Range(0, stages * microBatches).Select(_ => random.Next(2) == 0).ToArray();
        var rows = Enumerable.Range(0, ranks).Select(_ => new List<PipelineAction>()).ToArray();
        var left = (
            from stage in Enumerable.Range(0, stages)
            from microBatch in Enumerable.Range(0, microBatches)
            from kind in split[(stage * microBatches) + microBatch]
                ? [ActionKind.Forward, ActionKind.InputGradient, ActionKind.WeightGradient]
                : new[] { ActionKind.Forward, ActionKind.Backward }
            select new PipelineAction(stage, kind, microBatch)).ToList();
        var (done, given) = (new HashSet<PipelineAction>(), new HashSet<HandOver>());
        while (left.Count > 0)
        {
            var ready = left.Where(action => IsReady(action)).ToArray();
            var next = ready[random.Next(ready.Length)];
            left.Remove(next);
            done.Add(next);
            rows[rankOf[next.Stage]].Add(next);
            if (next.Gives(stages) is { } handOver)
            {
                given.Add(handOver);
            }
        }

        return new("random", microBatches, rows);

        bool IsReady(PipelineAction action) =>
            (action.Needs(stages) is not { } needed || given.Contains(needed))
            && (action.Kind switch
            {
                ActionKind.Forward => true,
                ActionKind.WeightGradient => done.Contains(action with { Kind = ActionKind.InputGradient }),
                _ => done.Contains(action with { Kind = ActionKind.Forward }),
            });
    }
}
