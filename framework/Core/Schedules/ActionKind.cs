namespace Pipeline.Core.Schedules;

/// <summary>What a rank does to one micro-batch of one stage. Letters as in torch.distributed.pipelining.</summary>
public enum ActionKind
{
    /// <summary><c>F</c>: forward.</summary>
    Forward,

    /// <summary><c>B</c>: the whole backward, input and weight gradients.</summary>
    Backward,
}
