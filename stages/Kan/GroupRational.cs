using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>The learned activation of KAT (Yang and Wang 2024, arXiv:2409.10594): <c>(a_0 + a_1 x + ... + a_5 x^5) / (1 + |b_1| |x| + ... + |b_4| |x|^4)</c>,
/// as its kernels compute it, with one numerator for all channels and a denominator for each group of neighbours. In float32, or float64 where the
/// pass computes in that.</summary>
public sealed class GroupRational(string name, IReadOnlyDictionary<string, Tensor> parameters)
{
    /// <summary>x.</summary>
    public static readonly RationalStart Identity = new([0, 1, 0, 0, 0, 0], [0, 0, 0, 0]);

    /// <summary>silu(x), within 1e-4 for |x| at most 6. silu(x) is x/2 + x/2 tanh(x/2); the odd part is exact, and the even part was fitted for the least
    /// largest error.</summary>
    public static readonly RationalStart Swish = new(
        [0, 0.5, 0.24980277172237395, 0.052125793929104125, 0.005340964941962688, 0.00022315400336052],
        [0, 0.10425158785820825, 0, 0.00044630800672104]);

    private readonly Tensor
        numerator = parameters[$"{name}.weight_numerator"],
        denominator = parameters[$"{name}.weight_denominator"];

    /// <summary><c>NAME.weight_numerator</c> (1, 6) and <c>NAME.weight_denominator</c> (groups, 4).</summary>
    /// <param name="groups">Divide the channels.</param>
    public static IEnumerable<ParameterDefinition> Parameters(string name, int groups, RationalStart start) =>
    [
        new($"{name}.weight_numerator", [1, start.Numerator.Count], new SameRows(start.Numerator), WeightDecay: false),
        new($"{name}.weight_denominator", [groups, start.Denominator.Count], new SameRows(start.Denominator), WeightDecay: false),
    ];

    /// <summary>Kept are the input, its absolute value, and each step of both polynomials.</summary>
    public static LayerCost Cost(double channels) => new(20 * channels, 11 * channels);

    /// <param name="input">(rows, channels), in the type that the pass computes in.</param>
    /// <returns>The same.</returns>
    public Tensor Forward(Tensor input, Pass pass)
    {
        var type = pass.Compute == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        using var scope = NewDisposeScope();
        var groups = input.to(type).view(input.shape[0], denominator.shape[0], -1);
        var size = groups.abs();
        var a = numerator.to(type).unbind(1);
        var b = Absolute(denominator.to(type)).unsqueeze(-1).unbind(1);
        var above = Polynomial(groups, a);
        var below = Arithmetic.Shift(size * Polynomial(size, b), 1);
        return (above / below).view(input.shape).to(input.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Horner's.</summary>
    private static Tensor Polynomial(Tensor x, Tensor[] coefficients)
    {
        var sum = Arithmetic.AddProduct(coefficients[^2], coefficients[^1], x);
        for (var i = coefficients.Length - 3; i >= 0; i--)
        {
            sum = Arithmetic.AddProduct(coefficients[i], sum, x);
        }

        return sum;
    }

    /// <summary>|b|, whose gradient at 0 is 1 as in KAT's kernels: that of <c>abs</c> is 0, and what starts at 0 would stay there.</summary>
    private static Tensor Absolute(Tensor b)
    {
        var detached = b.detach();
        return b * where(detached.lt(detached.new_zeros(1)), detached.new_ones(1).neg(), detached.new_ones(1));
    }
}
