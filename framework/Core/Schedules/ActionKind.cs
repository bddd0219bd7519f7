namespace Pipeline.Core.Schedules;

/// <summary>What a rank does to one micro-batch of one stage. Letters as in torch.distributed.pipelining.</summary>
public enum ActionKind
{
    /// <summary><c>F</c>: forward.</summary>
    Forward,

    /// <summary><c>B</c>: the whole backward, input and weight gradients.</summary>
    Backward,

    /// <summary><c>I</c>: the gradient of the stage's input, which the stage before waits for.</summary>
    InputGradient,

    /// <summary><c>W</c>: the gradients of the stage's weights, which nobody waits for before the end of the step.</summary>
    WeightGradient,
}
