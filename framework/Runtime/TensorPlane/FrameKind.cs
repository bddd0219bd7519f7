namespace Pipeline.Runtime.TensorPlane;

/// <summary>What a hand-over carries. The numbers go over the wire.</summary>
internal enum FrameKind
{
    /// <summary>A stage's output, to the next stage.</summary>
    Activation = 0,

    /// <summary>The gradient of a stage's input, to the stage before.</summary>
    Gradient = 1,

    /// <summary>A stage's output in evaluation.</summary>
    ValidationActivation = 2,

    /// <summary>The gradient of a tied copy, to its owner.</summary>
    TiedGradient = 3,

    /// <summary>The new value of a tied parameter, to a copy.</summary>
    TiedValue = 4,

    /// <summary>A part of the sum of gradients over the replicas, to the next replica.</summary>
    RingGradient = 5,

    /// <summary>A part of the parameters that one replica has updated, to the next replica.</summary>
    RingParameter = 6,

    /// <summary>A control message between the coordinator and a worker, which the key names instead of a stage.</summary>
    Control = 7,

    /// <summary>What the slots of a micro-batch carry from a step to the next, from the last stage to the first: the state, and a table of slots.</summary>
    Carry = 8,

    /// <summary>What the slots of a validation micro-batch carry from one pass to the next.</summary>
    ValidationCarry = 9,

    /// <summary>A stage's output in the pass in which layers adapt.</summary>
    AdaptingActivation = 10,

    /// <summary>A part of a worker's snapshot, to another process; the key names the worker instead of a stage.</summary>
    Snapshot = 11,
}
