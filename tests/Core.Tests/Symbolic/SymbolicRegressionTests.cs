using CsCheck;
using Pipeline.Core.Symbolic;

namespace Pipeline.Core.Tests.Symbolic;

public class SymbolicRegressionTests
{
    private static readonly double[] Places = Spread(-1, 1);

    public static TheoryData<string, Func<double, double>> Exact => new()
    {
        { "x", x => (-3 * x) + 7 },
        { "x^2", x => (2 * (x - 0.3) * (x - 0.3)) - 1 },
        { "x^3", x => (x + 0.2) * (x + 0.2) * (x + 0.2) },
        { "x^4", x => 5 - Math.Pow(x - 0.4, 4) },
        { "1/x", x => 1 / (x + 1.3) },
        { "1/x^2", x => -2 / ((1.25 - x) * (1.25 - x)) },
        { "sqrt", x => 3 * Math.Sqrt(1 - x) },
        { "exp", x => 0.1 * Math.Exp(-1.7 * x) },
        { "log", x => Math.Log(x + 1.05) },
        { "abs", x => 100 * Math.Abs((2 * x) + 0.5) },
        { "sin", x => Math.Sin(Math.PI * x) },
        { "sin", x => 1 - Math.Cos(3.3 * x) },
        { "tan", x => Math.Tan((1.2 * x) + 0.2) },
        { "tanh", x => Math.Tanh((3 * x) - 1) },
        { "tanh", x => 1 / (1 + Math.Exp(-8 * x)) },
        { "arctan", x => Math.Atan((6 * x) + 2) },
        { "gaussian", x => Math.Exp(-4 * (x - 0.2) * (x - 0.2)) },
    };

    [Theory]
    [MemberData(nameof(Exact))]
    public void A_function_of_the_library_is_found_exactly(string name, Func<double, double> function)
    {
        // Far from 0, on a scale of its own: neither may matter.
        var x = Places.Select(t => 500 + (40 * t)).ToArray();
        double[] y = [.. Places.Select(function)];
        var best = SymbolicRegression.Fit(x, y)[0];
        Assert.Equal(name, best.Candidate.Name);
        Assert.InRange(best.R2, 1 - 1e-9, 1);
        Assert.All(x.Zip(y), pair => Assert.Equal(pair.Second, best.At(pair.First), 1e-4 * best.Deviation));
    }

    /// <summary>A hundredth of the deviation, as splines leave it: smooth on a short scale. Where it is noise that a fit leaves, R2 is 1 - 1e-4.</summary>
    [Theory]
    [MemberData(nameof(Exact))]
    public void It_is_found_under_noise(string name, Func<double, double> function)
    {
        var y = Noisy(Places, function, 0.01);
        var fits = SymbolicRegression.Fit(Places, y);
        Assert.Equal(name, fits[0].Candidate.Name);
        Assert.InRange(fits[0].R2, 0.9998, 0.99999);
    }

    /// <summary>Whatever is sampled from the library, with any constants of its space and on any range, is fitted by its own candidate; what is ranked above
    /// it fits as well and is simpler.</summary>
    [Fact]
    public void Any_constants_are_found() =>
        Gen.Select(
            Gen.Int[0, SymbolicLibrary.All.Count - 1],
            Gen.Int.NonNegative,
            Gen.Double[-0.04, 0.04],
            Gen.Select(Gen.Double[-10, 10], Gen.Double[0.01, 10]),
            Gen.Select(Gen.Double[-5, 5], Gen.Double[-5, 5]))
        .Sample((index, start, nudge, range, scale) =>
        {
            var candidate = SymbolicLibrary.All[index];
            var (a, b) = candidate.Space.Starts[start % candidate.Space.Starts.Count];
            var (nudgedA, nudgedB) = (candidate.Space.IsFreeA ? a * (1 + nudge) : a, candidate.Space.IsFreeB ? b * (1 + nudge) : b);
            if (!candidate.Space.Contains(nudgedA, nudgedB) || Math.Abs(scale.Item1) < 0.01)
            {
                return;
            }

            var x = Spread(range.Item1, range.Item1 + range.Item2);
            double[] y = [.. Places.Select(t => (scale.Item1 * candidate.Function((nudgedA * t) + nudgedB)) + scale.Item2)];
            var fits = SymbolicRegression.Fit(x, y);
            var own = fits.Single(fit => fit.Candidate == candidate);
            Assert.InRange(own.R2, 0.999999, 1);
            Assert.All(fits.TakeWhile(fit => fit != own), better => Assert.True(
                better.Candidate.Complexity < candidate.Complexity && better.R2 > 0.9999 || better.R2 >= own.R2, $"{better} before {own}"));
            Assert.All(x.Zip(y), pair => Assert.Equal(pair.Second, own.At(pair.First), 3e-2 * own.Deviation));
        });

    [Theory]
    [InlineData(0)]
    [InlineData(-3.25)]
    public void What_does_not_change_is_a_constant(double value)
    {
        var fit = Assert.Single(SymbolicRegression.Fit(Places, [.. Places.Select(_ => value)]));
        Assert.Equal(("constant", 1, value), (fit.Candidate.Name, fit.R2, fit.At(0.3)));
        Assert.Equal(value == 0 ? "0" : "-3.25", fit.Formula);
    }

    [Fact]
    public void A_range_of_one_place_has_no_function_but_a_constant() =>
        Assert.Equal("constant", SymbolicRegression.Fit([.. Places.Select(_ => 2.0)], Places)[0].Candidate.Name);

    [Fact]
    public void The_simplest_of_equal_fits_is_first()
    {
        Assert.Equal("x", SymbolicRegression.Fit(Places, [.. Places.Select(x => Math.Sin(0.001 * x))])[0].Candidate.Name);
        Assert.Equal("x", SymbolicRegression.Fit(Places, [.. Places.Select(x => Math.Exp(1e-4 * x))])[0].Candidate.Name);
        Assert.Equal("x^2", SymbolicRegression.Fit(Places, [.. Places.Select(x => Math.Cos(0.01 * x))])[0].Candidate.Name);
    }

    /// <summary>On such a range a parabola, a wave's crest and a bell are one curve: all are there, with an R2 that says so.</summary>
    [Fact]
    public void What_fits_about_as_well_is_not_hidden()
    {
        var fits = SymbolicRegression.Fit(Places, Noisy(Places, x => x * x, 0.03));
        Assert.Equal("x^2", fits[0].Candidate.Name);
        Assert.Superset(
            new HashSet<string> { "x^2", "sin", "gaussian" },
            fits.Where(fit => fit.R2 >= fits[0].R2 - SymbolicRegression.NearTie).Select(fit => fit.Candidate.Name).ToHashSet());
    }

    [Theory]
    [MemberData(nameof(Exact))]
    public void The_sum_of_squares_says_what_R2_is(string name, Func<double, double> function)
    {
        var y = Noisy(Places, function, 0.2);
        Assert.All(SymbolicRegression.Fit(Places, y), fit =>
        {
            var left = Places.Zip(y).Average(pair => Math.Pow(pair.Second - fit.At(pair.First), 2));
            Assert.True(Math.Abs(fit.R2 - (1 - (left / (fit.Deviation * fit.Deviation)))) < 1e-9, $"{name} as {fit}");
        });
    }

    private static double[] Spread(double low, double high) => [.. Enumerable.Range(0, 257).Select(i => low + ((high - low) * i / 256))];

    private static double[] Noisy(double[] x, Func<double, double> function, double share)
    {
        var y = x.Select(function).ToArray();
        var deviation = Math.Sqrt(y.Average(value => Math.Pow(value - y.Average(), 2)));
        return [.. y.Zip(x, (value, place) => value + (share * deviation * Math.Sqrt(2) * Math.Sin((37 * place) + (5 * place * place))))];
    }
}
