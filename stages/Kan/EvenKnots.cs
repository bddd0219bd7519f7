using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>The knots of <see cref="SplineGrid.Even"/> for every input.</summary>
internal sealed record EvenKnots(double Low, double High, int Intervals, int Order) : Initialization
{
    public override void Fill(Tensor values, Generator generator) => values.copy_(SplineGrid.Even(Low, High, Intervals, Order));
}
