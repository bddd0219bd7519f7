using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>One cuttable piece of a model. A layer holds no tensors of its own: its parameters belong to the stage.</summary>
public abstract class Layer
{
    /// <summary>Runs the layer on one micro-batch. Everything it allocates lives in the caller's dispose scope.</summary>
    /// <param name="input">What the layer before returned; token ids, int64 (sequences, length), for the first.</param>
    public abstract Tensor Forward(Tensor input, Pass pass);
}
