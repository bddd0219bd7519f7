using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Stages;

/// <summary>A list of actions under way on a stage: a training step, or the forwards of an evaluation.</summary>
internal sealed class StagePass(long step, bool evaluation, IReadOnlyList<PipelineAction> actions)
{
    public long Step => step;

    public bool Evaluation => evaluation;

    /// <summary>The next action; null when the list is done.</summary>
    public PipelineAction? Next => position < actions.Count ? actions[position] : null;

    /// <summary>A step's list is done and its tied gradients are on their way to their owners.</summary>
    public bool TiedGradientsSent { get; set; }

    private int position;

    public void Advance() => position++;
}
