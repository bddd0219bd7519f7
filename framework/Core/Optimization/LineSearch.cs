namespace Pipeline.Core.Optimization;

/// <summary>A point on the line of a search.</summary>
/// <param name="Length">How many times the direction it is from the start.</param>
/// <param name="Slope">The derivative along the direction.</param>
public readonly record struct LinePoint(double Length, double Loss, double Slope);

/// <summary>A search along a descent direction for a point that fulfils the strong Wolfe conditions: algorithms 3.5 and 3.6 of Nocedal and Wright 2006,
/// "Numerical Optimization", with cubic interpolation, bounds and stops as in torch.optim.LBFGS. It evaluates nothing: it is told of one point after another, and
/// says which comes next.</summary>
public sealed record LineSearch
{
    private const double SufficientDecrease = 1e-4;
    private const double Curvature = 0.9;
    private const int MostPoints = 25;

    /// <summary>Share of the length: closer ends of a bracket are one point.</summary>
    private const double Closest = 1e-9;

    /// <summary>Where the search began, of length 0.</summary>
    public required LinePoint Start { get; init; }

    /// <summary>What is to be evaluated next.</summary>
    public required double Length { get; init; }

    /// <summary>The point before, while no bracket is known.</summary>
    public required LinePoint Previous { get; init; }

    /// <summary>Of the bracket's ends the one with the lower loss, which fulfils the first condition; null while there is no bracket.</summary>
    public LinePoint? Low { get; init; }

    public LinePoint? High { get; init; }

    /// <summary>Points evaluated.</summary>
    public int Points { get; init; }

    /// <summary>The last point was close to an end of the bracket.</summary>
    public bool IsSlow { get; init; }

    /// <param name="length">To be evaluated first.</param>
    /// <param name="slope">At the start; negative.</param>
    public static LineSearch Begin(double loss, double slope, double length)
    {
        var start = new LinePoint(0, loss, slope);
        return new() { Start = start, Length = length, Previous = start };
    }

    /// <summary>Goes on with what was found at <see cref="Length"/>.</summary>
    /// <returns>The search with its next length; with null: the length to end at, which is 0 where nothing better than the start was found.</returns>
    public (LineSearch? Next, double End) Took(double loss, double slope)
    {
        var point = new LinePoint(Length, loss, slope);
        var search = this with { Points = Points + 1 };
        if (!double.IsFinite(loss) || !double.IsFinite(slope))
        {
            return search.Shrink();
        }

        return Low is { } low && High is { } high ? search.Zoom(low, high, point) : search.Extend(point);
    }

    /// <summary>Most of the way back to what is known to be finite.</summary>
    private (LineSearch? Next, double End) Shrink()
    {
        var known = Low ?? Previous;
        var length = known.Length + ((Length - known.Length) / 10);
        return Points >= MostPoints ? (null, known.Length) : (this with { Length = length, Previous = known, Low = null, High = null }, 0);
    }

    /// <summary>Algorithm 3.5: goes further until a bracket is found.</summary>
    private (LineSearch? Next, double End) Extend(LinePoint point)
    {
        if (IsTooHigh(point) || (Points > 1 && point.Loss >= Previous.Loss))
        {
            return Bracket(Previous, point);
        }

        if (IsFlat(point))
        {
            return (null, point.Length);
        }

        if (point.Slope >= 0)
        {
            return Bracket(point, Previous);
        }

        if (Points >= MostPoints)
        {
            return (null, point.Length);
        }

        var (least, most) = (point.Length + (0.01 * (point.Length - Previous.Length)), 10 * point.Length);
        return (this with { Length = Minimum(Previous, point, least, most), Previous = point }, 0);
    }

    /// <summary>Algorithm 3.6: narrows the bracket.</summary>
    private (LineSearch? Next, double End) Zoom(LinePoint low, LinePoint high, LinePoint point)
    {
        if (IsTooHigh(point) || point.Loss >= low.Loss)
        {
            return Bracket(low, point);
        }

        return IsFlat(point) ? (null, point.Length) : Bracket(point, point.Slope * (high.Length - low.Length) >= 0 ? low : high);
    }

    /// <summary>The next point of a bracket, away from its ends: one that is close to an end twice, or not inside, is moved off it.</summary>
    private (LineSearch? Next, double End) Bracket(LinePoint one, LinePoint other)
    {
        var (low, high) = one.Loss <= other.Loss ? (one, other) : (other, one);
        var (left, right) = (Math.Min(low.Length, high.Length), Math.Max(low.Length, high.Length));
        if (Points >= MostPoints || right - left < Closest * right)
        {
            return (null, low.Length);
        }

        var length = Minimum(low, high, left, right);
        var margin = 0.1 * (right - left);
        var isClose = Math.Min(right - length, length - left) < margin;
        if (isClose && (IsSlow || length >= right || length <= left))
        {
            length = Math.Abs(length - right) < Math.Abs(length - left) ? right - margin : left + margin;
            isClose = false;
        }

        return (this with { Low = low, High = high, Length = length, IsSlow = isClose }, 0);
    }

    private bool IsTooHigh(LinePoint point) => point.Loss > Start.Loss + (SufficientDecrease * point.Length * Start.Slope);

    private bool IsFlat(LinePoint point) => Math.Abs(point.Slope) <= -Curvature * Start.Slope;

    /// <summary>Of the cubic through two points with their slopes (equation 3.59), kept within bounds; their middle where it has none.</summary>
    private static double Minimum(LinePoint one, LinePoint other, double least, double most)
    {
        var (left, right) = one.Length <= other.Length ? (one, other) : (other, one);
        var mean = left.Slope + right.Slope - (3 * (left.Loss - right.Loss) / (left.Length - right.Length));
        var square = (mean * mean) - (left.Slope * right.Slope);
        if (!(square >= 0))
        {
            return (least + most) / 2;
        }

        var root = Math.Sqrt(square);
        var length = right.Length - ((right.Length - left.Length) * ((right.Slope + root - mean) / (right.Slope - left.Slope + (2 * root))));
        return double.IsNaN(length) ? (least + most) / 2 : Math.Clamp(length, least, most);
    }
}
