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
}
