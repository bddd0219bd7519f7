using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>Softmax without its exponential (Prieto et al. 2025, arXiv:2501.04697): p_i = s(x_i) / sum_j s(x_j), with s(x) = x + 1 from 0 on and
/// 1 / (1 - x) below.</summary>
internal static class Stablemax
{
    /// <summary>-log p of each label, computed in float64 as in the reasoners' reference implementations.</summary>
    /// <param name="logits">(..., classes).</param>
    /// <param name="labels">int64 (...), each a class.</param>
    /// <returns>float64 (...).</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels)
    {
        var wide = logits.to(ScalarType.Float64);
        var isNegative = wide.signbit();
        // Of the magnitude, so that the side that is not taken is finite too: its gradient is 0 times what it would be.
        var size = Arithmetic.Shift(where(isNegative, wide.neg(), wide), 1);
        var weight = where(isNegative, size.reciprocal(), size);
        return Arithmetic.Subtract(weight.sum(-1).log(), weight.gather(-1, labels.unsqueeze(-1)).squeeze(-1).log());
    }
}
