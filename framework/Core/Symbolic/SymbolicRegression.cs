namespace Pipeline.Core.Symbolic;

/// <summary>Fits <c>y = c f(a x + b) + d</c> with each function of the library. As pykan's <c>suggest_symbolic</c> it tries many (a, b), of which c and d
/// follow by linear least squares; then the best few are refined by the simplex method of Nelder and Mead (1965) until they are exact.</summary>
public static class SymbolicRegression
{
    private const int CoarsePoints = 64;
    private const int Refined = 4;

    /// <summary>A fit of which R2 is so near the best one's is about as good: the data do not tell which it is.</summary>
    public const double NearTie = 1e-3;

    /// <param name="x">At least 8 finite places, in ascending order.</param>
    /// <param name="y">Finite.</param>
    /// <returns>The fits, best first: by R2, where each unit of complexity must halve what is left unexplained. One of
    /// <see cref="SymbolicLibrary.Constant"/> alone where y does not change.</returns>
    public static IReadOnlyList<SymbolicFit> Fit(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        var (middle, radius) = ((x[0] + x[^1]) / 2, (x[^1] - x[0]) / 2);
        var mean = y.Average();
        var deviation = Math.Sqrt(y.Average(value => (value - mean) * (value - mean)));
        if (radius <= 0 || deviation <= 1e-12 * y.Max(Math.Abs))
        {
            return [new(SymbolicLibrary.Constant, new(0, 0, 0, mean), 1, radius, deviation)];
        }

        // Rounding must not lead out of the range: a root has its branch point at the end.
        double[] t = [.. x.Select(place => Math.Clamp((place - middle) / radius, -1, 1))];
        var every = Math.Max(1, x.Count / CoarsePoints);
        var coarse = new LeastSquares([.. t.Where((_, i) => i % every == 0)], [.. y.Where((_, i) => i % every == 0)]);
        var all = new LeastSquares(t, [.. y]);
        return [.. SymbolicLibrary.All.Select(Best).OfType<SymbolicFit>().OrderBy(fit => fit.Score)];

        SymbolicFit? Best(SymbolicCandidate candidate)
        {
            var (a, b) = Search(candidate, coarse, all);
            var line = all.Solve(candidate.Function, a, b);
            if (double.IsPositiveInfinity(line.Unexplained))
            {
                return null;
            }

            var constants = new SymbolicConstants(a / radius, b - (a * middle / radius), line.C, line.D);
            return new(candidate, candidate.Simplify(constants), 1 - line.Unexplained, radius, deviation);
        }
    }

    private static (double A, double B) Search(SymbolicCandidate candidate, LeastSquares coarse, LeastSquares all)
    {
        var space = candidate.Space;
        var starts = space.Starts.OrderBy(start => coarse.Solve(candidate.Function, start.A, start.B).Unexplained).Take(Refined);
        return starts.Select(Refine).MinBy(end => all.Solve(candidate.Function, end.A, end.B).Unexplained);

        (double A, double B) Refine((double A, double B) start)
        {
            double[] free = (space.IsFreeA, space.IsFreeB) switch
            {
                (true, true) => [start.A, start.B],
                (true, false) => [start.A],
                (false, true) => [start.B],
                _ => [],
            };
            return free.Length == 0 ? start : Place(NelderMead.Minimize(Loss, free));

            (double A, double B) Place(double[] at) => (space.IsFreeA ? at[0] : start.A, space.IsFreeB ? at[^1] : start.B);

            double Loss(double[] at)
            {
                var (a, b) = Place(at);
                return space.Contains(a, b) ? all.Solve(candidate.Function, a, b).Unexplained : double.PositiveInfinity;
            }
        }
    }
}
