using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>-1 or 1, each as likely: the symbols of a multiply, add, permute architecture.</summary>
public sealed record RandomSigns : Initialization
{
    public override void Fill(Tensor values, Generator generator)
    {
        values.uniform_(-1, 1, generator);
        values.copy_(Arithmetic.Shift(Arithmetic.Scale(values.signbit().to(ScalarType.Float32), -2), 1));   // unlike the sign, it is never 0
    }
}
