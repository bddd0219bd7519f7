namespace Pipeline.Core.Symbolic;

/// <summary>The best c and d of <c>y = c f(a t + b) + d</c> for given a and b. For one thread.</summary>
internal sealed class LeastSquares
{
    private readonly double[] t;
    private readonly double[] centred;
    private readonly double[] values;
    private readonly double mean;
    private readonly double squares;

    public LeastSquares(double[] t, double[] y)
    {
        this.t = t;
        mean = y.Average();
        centred = [.. y.Select(value => value - mean)];
        squares = centred.Sum(value => value * value);
        values = new double[t.Length];
    }

    /// <returns>Unexplained is 1 - R2; infinite where f has no finite value, or is constant.</returns>
    public (double C, double D, double Unexplained) Solve(Func<double, double> function, double a, double b)
    {
        var (sum, largest) = (0.0, 0.0);
        for (var i = 0; i < t.Length; i++)
        {
            var value = function((a * t[i]) + b);
            values[i] = value;
            sum += value;
            largest = Math.Max(largest, Math.Abs(value));
        }

        var middle = sum / t.Length;
        var (own, shared) = (0.0, 0.0);
        for (var i = 0; i < t.Length; i++)
        {
            var value = values[i] - middle;
            own += value * value;
            shared += value * centred[i];
        }

        // Of what is less than rounding nothing can be fitted.
        if (!double.IsFinite(own) || own <= 1e-22 * largest * largest * t.Length)
        {
            return (0, 0, double.PositiveInfinity);
        }

        var c = shared / own;
        // The residuals themselves: 1 - R2 by way of the correlation would be exact to 1e-16 only.
        var left = 0.0;
        for (var i = 0; i < t.Length; i++)
        {
            var residual = centred[i] - (c * (values[i] - middle));
            left += residual * residual;
        }

        return double.IsFinite(left) ? (c, mean - (c * middle), left / squares) : (0, 0, double.PositiveInfinity);
    }
}
