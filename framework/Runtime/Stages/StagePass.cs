using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Stages;

/// <summary>A list of actions under way on a stage actor: a training step, or the forwards of an evaluation.</summary>
internal sealed class StagePass(long step, bool evaluation, IReadOnlyList<PipelineAction> actions)
{
    private int position;

    public long Step => step;

    public bool Evaluation => evaluation;

    /// <summary>The next action; null when the list is done.</summary>
    public PipelineAction? Next => position < actions.Count ? actions[position] : null;

    /// <summary>A step's list is done and its tied gradients are on their way to their owners.</summary>
    public bool TiedGradientsSent { get; set; }

    /// <summary>Those of the parameters owned here have all come and been added.</summary>
    public bool TiedGradientsAdded { get; set; }

    public static StagePass Training(long step, IReadOnlyList<PipelineAction> actions) => new(step, false, actions);

    /// <summary>Forwards alone, in groups of as many micro-batches as there are ranks, so that all of them have work although each may hold
    /// several stages. Groups, then stages, then micro-batches: in this order every input comes before its use on all ranks.</summary>
    /// <param name="stages">Of the actor.</param>
    /// <param name="microBatches">Of the whole evaluation.</param>
    public static StagePass Validation(long step, IReadOnlyList<int> stages, int ranks, int microBatches) => new(step, true,
    [
        .. from first in Enumerable.Range(0, (microBatches + ranks - 1) / ranks).Select(index => index * ranks)
           from stage in stages
           from microBatch in Enumerable.Range(first, Math.Min(ranks, microBatches - first))
           select PipelineAction.Forward(stage, microBatch),
    ]);

    public void Advance() => position++;
}
