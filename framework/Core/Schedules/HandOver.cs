namespace Pipeline.Core.Schedules;

/// <summary>A tensor that one stage gives another: what an action needs before it can start, and what it leaves when it ends.</summary>
/// <param name="Stage">The stage that receives it.</param>
public readonly record struct HandOver(HandOverKind Kind, int Stage, int MicroBatch)
{
    /// <summary>The stage that gives it.</summary>
    public int Sender => Kind == HandOverKind.Activation ? Stage - 1 : Stage + 1;
}

public enum HandOverKind
{
    /// <summary>A stage's output, to the next stage.</summary>
    Activation,

    /// <summary>The gradient of a stage's input, to the stage before.</summary>
    Gradient,
}
