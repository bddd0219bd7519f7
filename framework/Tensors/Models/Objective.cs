using Pipeline.Core.Data;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>What a model is trained for: makes a loss of the last layer's output, and tells how much of it is right.</summary>
public abstract class Objective
{
    /// <summary>A target that does not count: there is nothing to predict at its place.</summary>
    public const long Ignored = Targets.Ignored;

    /// <summary>The summed loss is divided by the sequences of the step; else by its targets.</summary>
    public virtual bool IsPerSequence => false;

    /// <param name="output">Of the last layer.</param>
    /// <param name="targets">int64 (sequences, length), or real (sequences, outputs).</param>
    /// <returns>The loss summed over the micro-batch, a scalar in float32; in float64 where the pass computes in that.</returns>
    public abstract Tensor Loss(Tensor output, Tensor targets, Pass pass);

    /// <summary>Counts what is right; under <c>no_grad</c>.</summary>
    /// <returns>int64 (2): targets predicted right, and sequences all of whose targets are. Null where there is no right and wrong.</returns>
    public virtual Tensor? Score(Tensor output, Tensor targets) => null;
}
