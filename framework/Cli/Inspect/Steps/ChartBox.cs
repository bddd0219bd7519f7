using System.Globalization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>One box of a Gantt chart: an action or an optimizer step.</summary>
/// <param name="Kind">Null for the optimizer.</param>
/// <param name="Chunk">Which of its rank's stages: 0, 1, ...</param>
/// <param name="Start">Seconds from the start of the step.</param>
/// <param name="End">In the same.</param>
internal readonly record struct ChartBox(int Rank, ActionKind? Kind, int Chunk, string MicroBatch, double Start, double End)
{
    public static IEnumerable<ChartBox> Of(Schedule schedule, StepTrace step)
    {
        for (var rank = 0; rank < step.Ranks.Count; rank++)
        {
            var stages = schedule.StagesOf[rank].ToList();
            foreach (var (action, start, end) in step.Ranks[rank].Actions)
            {
                var label = action.MicroBatch.ToString(CultureInfo.InvariantCulture);
                yield return new(rank, action.Kind, stages.IndexOf(action.Stage), label, start - step.Start, end - step.Start);
            }

            if (step.Ranks[rank].Optimizer is { } optimizer)
            {
                yield return new(rank, null, 0, "", optimizer.Start - step.Start, optimizer.End - step.Start);
            }
        }
    }
}
