using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Mamba;

/// <summary>log(1), log(2), ..., log(N) in every row: the logarithms of the negated rates of a channel's states, real S4D (Gu et al. 2022,
/// arXiv:2206.11893).</summary>
internal sealed record StateRates : Initialization
{
    public override void Fill(Tensor values, Generator generator) =>
        values.copy_(Arithmetic.Shift(Arithmetic.Range(values.shape[^1], ScalarType.Float32, CPU), 1).log());
}
