namespace Pipeline.Core.Symbolic;

/// <summary>The simplex method of Nelder and Mead (1965): a minimum without derivatives, in few dimensions.</summary>
internal static class NelderMead
{
    private const int Steps = 200;
    private const double Tolerance = 1e-11;

    /// <param name="function">Infinite where it is not defined.</param>
    /// <param name="start">Where it is.</param>
    public static double[] Minimize(Func<double[], double> function, double[] start)
    {
        var count = start.Length;
        var simplex = Enumerable.Range(-1, count + 1).Select(axis =>
        {
            double[] at = [.. start.Select((value, i) => i == axis ? value + Math.Max(0.1 * Math.Abs(value), 0.05) : value)];
            return (At: at, Value: function(at));
        }).ToArray();
        for (var step = 0; step < Steps; step++)
        {
            Array.Sort(simplex, (one, other) => one.Value.CompareTo(other.Value));
            var (best, worst) = (simplex[0], simplex[count]);
            if (Enumerable.Range(0, count).All(i => simplex.Max(corner => Math.Abs(corner.At[i] - best.At[i])) <= Tolerance * (1 + Math.Abs(best.At[i]))))
            {
                break;
            }

            double[] centre = [.. Enumerable.Range(0, count).Select(i => simplex.Take(count).Average(corner => corner.At[i]))];
            var reflected = Try(-1);
            if (reflected.Value < best.Value)
            {
                var expanded = Try(-2);
                simplex[count] = expanded.Value < reflected.Value ? expanded : reflected;
                continue;
            }

            if (reflected.Value < simplex[count - 1].Value)
            {
                simplex[count] = reflected;
                continue;
            }

            var contracted = reflected.Value < worst.Value ? Try(-0.5) : Try(0.5);
            if (contracted.Value < Math.Min(reflected.Value, worst.Value))
            {
                simplex[count] = contracted;
                continue;
            }

            for (var corner = 1; corner <= count; corner++)
            {
                double[] at = [.. simplex[corner].At.Select((value, i) => (value + best.At[i]) / 2)];
                simplex[corner] = (at, function(at));
            }

            (double[] At, double Value) Try(double share)
            {
                double[] at = [.. centre.Select((value, i) => value + (share * (worst.At[i] - value)))];
                return (at, function(at));
            }
        }

        return simplex.MinBy(corner => corner.Value).At;
    }
}
