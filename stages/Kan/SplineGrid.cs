using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>Knots of a spline layer, a row for each input: those of its intervals, and as many as the order more on each side.</summary>
internal static class SplineGrid
{
    /// <summary>How far, in ranges of the samples, an even grid reaches beyond them on each side.</summary>
    private const double Margin = 0.01;

    /// <summary>What the old function counts where there are no samples, relative to one sample.</summary>
    private const double SiteWeight = 1e-3;

    /// <summary>Intervals of one size between two ends.</summary>
    /// <returns>float64 (intervals + 2 order + 1).</returns>
    public static Tensor Even(double low, double high, int intervals, int order)
    {
        var step = (high - low) / intervals;
        return Arithmetic.Shift(Arithmetic.Scale(Arithmetic.Shift(Arithmetic.Range(intervals + (2 * order) + 1, ScalarType.Float64, CPU), -order), step), low);
    }

    /// <summary>Knots at the quantiles of the samples, mixed with even ones, as in pykan (Liu et al. 2024, arXiv:2404.19756), and extended by their mean
    /// step. An input keeps its knots where the samples cannot tell better ones: they have fewer values than there are knots, or lie too
    /// close for knots to be told apart in the type that keeps them, or one is not finite.</summary>
    /// <param name="sorted">float64 (samples, inputs), ascending.</param>
    /// <param name="knots">float64 (inputs, intervals + 2 order + 1): the old ones.</param>
    /// <param name="even">The share of the even knots, greater than 0: no two knots are equal.</param>
    /// <param name="resolution">The relative distance of neighbouring numbers in the type that keeps the knots.</param>
    /// <returns>The knots, and which inputs have new ones, bool (inputs, 1).</returns>
    public static (Tensor Knots, Tensor IsNew) Adapted(Tensor sorted, Tensor knots, int order, double even, double resolution)
    {
        var (samples, intervals) = (sorted.shape[0], knots.shape[^1] - 1 - (2 * order));
        var positions = Enumerable.Range(0, (int)intervals + 1).Select(i => (long)Math.Round((double)i * (samples - 1) / intervals)).ToArray();
        var quantiles = sorted.index_select(0, tensor(positions, device: sorted.device)).t();
        var (low, high) = (quantiles.narrow(1, 0, 1), quantiles.narrow(1, intervals, 1));
        var range = Arithmetic.Subtract(high, low);

        var fractions = Arithmetic.Scale(Arithmetic.Range(intervals + 1, ScalarType.Float64, sorted.device), (1 + (2 * Margin)) / intervals);
        var spread = Arithmetic.AddProduct(low, range, Arithmetic.Shift(fractions, -Margin));
        var inner = Arithmetic.Add(Arithmetic.Scale(spread, even), Arithmetic.Scale(quantiles, 1 - even));

        var (first, last) = (inner.narrow(1, 0, 1), inner.narrow(1, intervals, 1));
        var step = Arithmetic.Scale(Arithmetic.Subtract(last, first), 1.0 / intervals);
        var outwards = Arithmetic.Shift(Arithmetic.Range(order, ScalarType.Float64, sorted.device), 1);
        var adapted = cat([Arithmetic.Subtract(first, step * outwards.flip(0)), inner, Arithmetic.Add(last, step * outwards)], 1);

        var values = Arithmetic.Shift(
            sorted.narrow(0, 1, samples - 1).ne(sorted.narrow(0, 0, samples - 1)).sum(0, type: ScalarType.Float64), -intervals);
        var leastStep = Arithmetic.Scale(range, even / intervals);
        var farthest = Arithmetic.Scale(maximum(low.abs(), high.abs()), 100 * resolution);
        var isNew = values.ge(values.new_zeros(1)).unsqueeze(1).logical_and(leastStep.gt(farthest)).logical_and(range.isfinite());
        return (where(isNew, adapted, knots), isNew);
    }

    /// <summary>The matrix that turns coefficients over the old knots into those over new ones whose function is nearest at the samples, by least
    /// squares. Where there are no samples the old function has a small weight, at places inside every interval, so that there always is one answer.</summary>
    /// <param name="samples">float64 (samples, inputs).</param>
    /// <param name="knots">float64 (inputs, knots).</param>
    /// <param name="adapted">The same, the new ones.</param>
    /// <returns>(inputs, coefficients, coefficients).</returns>
    public static Tensor Transfer(Tensor samples, Tensor knots, Tensor adapted, int order)
    {
        var sites = Sites(adapted, order).t();
        return LeastSquares.Solve(Weighted(adapted), Weighted(knots));

        Tensor Weighted(Tensor grid) =>
            cat([BSpline.Bases(samples, grid, order), Arithmetic.Scale(BSpline.Bases(sites, grid, order), SiteWeight)]).transpose(0, 1);
    }

    /// <summary>Every interval between the inner knots cut evenly; the outer knots stay, so that functions stay what they are everywhere.</summary>
    /// <param name="knots">(inputs, intervals + 2 order + 1).</param>
    /// <returns>(inputs, parts intervals + 2 order + 1).</returns>
    public static Tensor Refined(Tensor knots, int order, int parts)
    {
        var intervals = knots.shape[^1] - 1 - (2 * order);
        var cut = Points(knots, order, Arithmetic.Scale(Arithmetic.Range(parts, knots.dtype, knots.device), 1.0 / parts));
        return cat([knots.narrow(1, 0, order), cut, knots.narrow(1, order + intervals, order + 1)], 1);
    }

    /// <summary>order + 1 places inside each inner interval: a polynomial is known by its values there, and so is a spline.</summary>
    private static Tensor Sites(Tensor knots, int order) => Points(
        knots, order, Arithmetic.Scale(Arithmetic.Shift(Arithmetic.Range(order + 1, knots.dtype, knots.device), 0.5), 1.0 / (order + 1)));

    /// <param name="fractions">Of each inner interval.</param>
    /// <returns>(inputs, intervals x fractions), ascending.</returns>
    private static Tensor Points(Tensor knots, int order, Tensor fractions)
    {
        var intervals = knots.shape[^1] - 1 - (2 * order);
        var (from, to) = (knots.narrow(1, order, intervals).unsqueeze(-1), knots.narrow(1, order + 1, intervals).unsqueeze(-1));
        return Arithmetic.AddProduct(from, Arithmetic.Subtract(to, from), fractions).flatten(1);
    }
}
