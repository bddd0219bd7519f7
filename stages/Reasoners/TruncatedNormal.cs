using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>A normal distribution without what is further than two of its deviations from 0, wide enough to have the given deviation when that is
/// gone. Drawn by the inverse of the distribution function, as JAX does, and as both reasoners' reference implementations do.</summary>
/// <param name="Deviation">Of what is drawn.</param>
internal sealed record TruncatedNormal(double Deviation) : Initialization
{
    private const double Cut = 2;

    /// <summary>erf(2 / sqrt(2)): the share of a normal distribution within two deviations.</summary>
    private const double Share = 0.95449973610364159;

    /// <summary>The deviation of a standard normal distribution that is cut at two: its variance is 1 - 2 Cut density(Cut) / Share.</summary>
    private static readonly double DeviationWhenCut =
        Math.Sqrt(1 - (2 * Cut * Math.Exp(-Cut * Cut / 2) / Math.Sqrt(2 * Math.PI) / Share));

    /// <summary>How PyTorch modules of the reference implementations start: the deviation is 1 / sqrt(inputs) (LeCun).</summary>
    public static TruncatedNormal ByInputs(long inputs) => new(1 / Math.Sqrt(inputs));

    public override void Fill(Tensor values, Generator generator)
    {
        var uncut = Deviation / DeviationWhenCut;
        values.uniform_(-Share, Share, generator).erfinv_();
        Arithmetic.ScaleInPlace(values, Math.Sqrt(2) * uncut);
        values.copy_(Arithmetic.Clamp(values, -Cut * uncut, Cut * uncut));   // rounding may have passed the bounds
    }
}
