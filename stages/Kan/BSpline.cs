using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>B-splines of order k (degree k, de Boor 1978) over a row of knots for each input. Between knot k and the (k+1)-th last, the grid's inner
/// range, they add up to 1; k knots on each side extend it.</summary>
internal static class BSpline
{
    /// <summary>All splines at all places, by the recursion of Cox and de Boor. The gradient with regard to the places is the splines' own
    /// derivative, which the recursion's last level gives: nothing of it is kept but that.</summary>
    /// <param name="places">(rows, inputs). An infinite one gives NaN.</param>
    /// <param name="knots">(inputs, knots), ascending; of the same type. Equal knots are allowed.</param>
    /// <returns>(rows, inputs, knots - 1 - k).</returns>
    public static Tensor Bases(Tensor places, Tensor knots, int order)
    {
        using var scope = NewDisposeScope();
        Tensor values;
        Tensor? slopes = null;
        using (no_grad())
        {
            var offsets = Arithmetic.Subtract(places.detach().unsqueeze(-1), knots);
            values = Indicators(places.detach().unsqueeze(-1), knots, order).to(offsets.dtype);
            for (var degree = 1; degree <= order; degree++)
            {
                var scaled = values * InverseWidths(knots, degree);
                values = Raise(scaled, offsets, degree);
                slopes = degree == order ? Arithmetic.Scale(Differences(scaled), -order) : null;
            }
        }

        // The difference is zero, and its gradient is that of the places.
        return (slopes is null || !places.requires_grad
            ? values
            : Arithmetic.AddProduct(values, slopes, Arithmetic.Subtract(places, places.detach()).unsqueeze(-1))).MoveToOuterDisposeScope();
    }

    /// <summary>The matrix that turns a spline's coefficients into those over more knots, of the same function: discrete B-splines by the Oslo
    /// algorithm (Cohen, Lyche and Riesenfeld 1980), which is the recursion above with a place of its own at each level.</summary>
    /// <param name="knots">(inputs, knots).</param>
    /// <param name="refined">(inputs, more knots): all of <paramref name="knots"/>, and others between the first and the last.</param>
    /// <returns>(inputs, refined - 1 - k, knots - 1 - k).</returns>
    public static Tensor Insertion(Tensor knots, Tensor refined, int order)
    {
        using var scope = NewDisposeScope();
        var (rows, count) = (knots.unsqueeze(1), refined.shape[^1] - 1 - order);
        var values = Indicators(refined.narrow(-1, 0, count).unsqueeze(-1), rows, order).to(knots.dtype);
        for (var degree = 1; degree <= order; degree++)
        {
            var offsets = Arithmetic.Subtract(refined.narrow(-1, degree, count).unsqueeze(-1), rows);
            values = Raise(values * InverseWidths(rows, degree), offsets, degree);
        }

        return values.MoveToOuterDisposeScope();
    }

    /// <summary>Splines of degree 0: 1 from a knot to before the next. Where the inner range ends at the last knot, that belongs to the last interval:
    /// the splines add up to 1 on the closed range.</summary>
    /// <param name="places">(..., 1).</param>
    /// <param name="knots">(..., knots).</param>
    /// <returns>bool (..., knots - 1).</returns>
    private static Tensor Indicators(Tensor places, Tensor knots, int order)
    {
        var intervals = knots.shape[^1] - 1;
        var (from, to, end) = (knots.narrow(-1, 0, intervals), knots.narrow(-1, 1, intervals), knots.narrow(-1, intervals, 1));
        var closed = to.eq(end).logical_and(knots.narrow(-1, intervals - order, 1).eq(end));
        var before = places.lt(to).logical_or(places.eq(to).logical_and(closed));
        return places.ge(from).logical_and(before).logical_and(from.lt(to));
    }

    /// <summary>1 / (t[i + degree] - t[i]); 0 where these are equal, as the recursion wants it.</summary>
    private static Tensor InverseWidths(Tensor knots, int degree)
    {
        var count = knots.shape[^1] - degree;
        var widths = Arithmetic.Subtract(knots.narrow(-1, degree, count), knots.narrow(-1, 0, count));
        return Arithmetic.Fill(widths.reciprocal(), widths.logical_not(), 0);
    }

    /// <summary>(x - t[i]) scaled[i] + (t[i + degree + 1] - x) scaled[i + 1].</summary>
    /// <param name="scaled">Splines of one degree less, over their widths.</param>
    /// <param name="offsets">x - t.</param>
    private static Tensor Raise(Tensor scaled, Tensor offsets, int degree)
    {
        var count = scaled.shape[^1] - 1;
        return Arithmetic.Subtract(
            offsets.narrow(-1, 0, count) * scaled.narrow(-1, 0, count), offsets.narrow(-1, degree + 1, count) * scaled.narrow(-1, 1, count));
    }

    /// <summary>The next minus each.</summary>
    private static Tensor Differences(Tensor values)
    {
        var count = values.shape[^1] - 1;
        return Arithmetic.Subtract(values.narrow(-1, 1, count), values.narrow(-1, 0, count));
    }
}
