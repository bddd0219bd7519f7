using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>Any valid schedule, also such as no generator makes: forwards in different orders on different ranks.</summary>
internal static class RandomSchedule
{
    public static Gen<Schedule> Of(int stages, int microBatches) =>
        Gen.Select(Gen.Int[1, stages], Gen.Int[1, microBatches], Gen.Int.NonNegative)
            .Select((s, m, seed) => Create(s, m, new Random(seed)));

    /// <summary>Runs whatever could run next, in random order, and writes down what it did.</summary>
    private static Schedule Create(int stages, int microBatches, Random random)
    {
        var ranks = Enumerable.Range(0, stages).Select(_ => new List<PipelineAction>()).ToArray();
        var done = new HashSet<PipelineAction>();
        while (done.Count < 2 * stages * microBatches)
        {
            var ready = (
                from stage in Enumerable.Range(0, stages)
                from microBatch in Enumerable.Range(0, microBatches)
                from action in new[] { PipelineAction.Forward(stage, microBatch), PipelineAction.Backward(stage, microBatch) }
                where !done.Contains(action) && Needs(action, stages).All(done.Contains)
                select action).ToArray();
            var next = ready[random.Next(ready.Length)];
            done.Add(next);
            ranks[next.Stage].Add(next);
        }

        return new("random", microBatches, ranks);
    }

    private static IEnumerable<PipelineAction> Needs(PipelineAction action, int stages)
    {
        if (action.Kind == ActionKind.Forward)
        {
            return action.Stage > 0 ? [action with { Stage = action.Stage - 1 }] : [];
        }

        IEnumerable<PipelineAction> needs = [action with { Kind = ActionKind.Forward }];
        needs = action.MicroBatch > 0 ? needs.Append(action with { MicroBatch = action.MicroBatch - 1 }) : needs;
        return action.Stage < stages - 1 ? needs.Append(action with { Stage = action.Stage + 1 }) : needs;
    }
}
