using Pipeline.Core.Schedules;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>A list of actions under way on a stage actor: a training step, or the forwards of an evaluation or of layers that adapt.</summary>
internal sealed class StagePass(long step, PassKind kind, IReadOnlyList<PipelineAction> actions, int passes = 1)
{
    private int position;

    public long Step => step;

    public PassKind Kind => kind;

    /// <summary>How often each micro-batch goes through the model.</summary>
    public int Passes => passes;

    /// <summary>The next action; null when the list is done.</summary>
    public PipelineAction? Next => position < actions.Count ? actions[position] : null;

    /// <summary>A step's list is done and its tied gradients are on their way to their owners.</summary>
    public bool TiedGradientsSent { get; set; }

    /// <summary>Those of the parameters owned here have all come and been added.</summary>
    public bool TiedGradientsAdded { get; set; }

    public static StagePass Training(long step, IReadOnlyList<PipelineAction> actions) => new(step, PassKind.Training, actions);

    /// <summary>Forwards alone, in groups of as many micro-batches as there are ranks, so that all of them have work although each may hold
    /// several stages. Groups, then passes, then stages, then micro-batches: in this order every input comes before its use on all ranks. An action's
    /// micro-batch counts the passes over each.</summary>
    /// <param name="stages">Of the actor.</param>
    /// <param name="microBatches">Of the whole evaluation.</param>
    /// <param name="passes">Over each micro-batch.</param>
    public static StagePass Validation(long step, IReadOnlyList<int> stages, int ranks, int microBatches, int passes) => new(
        step,
        PassKind.Validation,
        [
            .. from first in Enumerable.Range(0, (microBatches + ranks - 1) / ranks).Select(index => index * ranks)
               from pass in Enumerable.Range(0, passes)
               from stage in stages
               from microBatch in Enumerable.Range(first, Math.Min(ranks, microBatches - first))
               select PipelineAction.Forward(stage, (microBatch * passes) + pass),
        ],
        passes);

    /// <summary>Nothing but the growing of the actor's stages.</summary>
    public static StagePass Growing(long step) => new(step, PassKind.Growing, []);

    /// <summary>One micro-batch, for layers to adapt to.</summary>
    /// <param name="stages">Of the actor.</param>
    public static StagePass Adapting(long step, IReadOnlyList<int> stages) =>
        new(step, PassKind.Adapting, [.. stages.Select(stage => PipelineAction.Forward(stage, 0))]);

    public void Advance() => position++;

    /// <summary>The frame that an action needs; null where the stage reads its own data, begins the backward itself, or has all it needs.</summary>
    /// <param name="stages">Of the whole pipeline.</param>
    public FrameKey? Input(PipelineAction action, int stages) => action.Needs(stages) is { } needed
        ? FrameKey.Of(step, kind, needed)
        : action.Stage == 0 && action.MicroBatch % passes > 0 ? new(step, FrameKind.ValidationCarry, 0, action.MicroBatch) : null;

    /// <summary>The frame that an action gives; null where it gives none.</summary>
    /// <param name="stages">Of the whole pipeline.</param>
    public FrameKey? Output(PipelineAction action, int stages) => action.Gives(stages) is { } given
        ? FrameKey.Of(step, kind, given)
        : action.Stage == stages - 1 && (action.MicroBatch + 1) % passes > 0 ? new(step, FrameKind.ValidationCarry, 0, action.MicroBatch + 1) : null;
}
