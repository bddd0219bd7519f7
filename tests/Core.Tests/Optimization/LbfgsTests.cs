using System.Text.Json;
using Pipeline.Core.Optimization;

namespace Pipeline.Core.Tests.Optimization;

public class LbfgsTests
{
    private const int History = 4;

    /// <summary>The recursion on inner products, against the one on vectors, on convex functions: the same line searches, so the same points.</summary>
    [Theory]
    [InlineData(1, 1.0)]
    [InlineData(2, 1.0)]
    [InlineData(3, 0.6)]   // so that lines end at other lengths than 1
    [InlineData(4, 1.4)]
    public void Points_are_those_of_a_textbooks_recursion(int seed, double rate)
    {
        var problem = new Convex(seed, 12);
        var expected = Textbook(problem, 25, rate);
        var actual = new Vectors(problem, History, rate).Run(25);
        Assert.Equal(expected.Count, actual.Count);
        var scale = expected[0].Max(Math.Abs);   // the minimum is at 0
        foreach (var (one, other) in expected.Zip(actual))
        {
            Assert.All(one.Zip(other), pair => Assert.Equal(pair.First, pair.Second, 1e-12 * scale));
        }

        Assert.True(Norm(problem.Gradient(actual[^1])) < 1e-3 * Norm(problem.Gradient(actual[0])));
    }

    [Fact]
    public void It_finds_the_valley_of_Rosenbrock()
    {
        var points = new Vectors(new Rosenbrock(), 10, 1).Run(60);
        Assert.All(points[^1], value => Assert.Equal(1, value, 1e-6));
    }

    /// <summary>A decrease and a slope as the strong Wolfe conditions ask for, at every point where a line ends.</summary>
    [Fact]
    public void Lines_end_where_the_strong_Wolfe_conditions_hold()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 200; trial++)
        {
            var (a, b, c) = (random.NextDouble(), 3 * random.NextDouble(), 0.1 + random.NextDouble());
            double Loss(double t) => (c * t * t) - (b * t) + (a * Math.Sin(4 * t));
            double Slope(double t) => (2 * c * t) - b + (4 * a * Math.Cos(4 * t));
            if (Slope(0) >= 0)
            {
                continue;
            }

            var search = LineSearch.Begin(Loss(0), Slope(0), Math.Pow(10, random.Next(-3, 3)));
            for (var points = 1; ; points++)
            {
                Assert.InRange(points, 1, 25);
                var (next, end) = search.Took(Loss(search.Length), Slope(search.Length));
                if (next is null)
                {
                    Assert.True(Loss(end) <= Loss(0) + (1e-4 * end * Slope(0)));
                    Assert.True(Math.Abs(Slope(end)) <= 0.9 * -Slope(0));
                    break;
                }

                search = next;
            }
        }
    }

    [Fact]
    public void A_loss_that_is_not_finite_shrinks_the_step()
    {
        var points = new Vectors(new Logarithm(), History, 100).Run(40);   // the first trial is far outside of where the logarithm is defined
        Assert.Equal(1, points[^1][0], 1e-6);
    }

    [Fact]
    public void At_a_minimum_it_stays()
    {
        var points = new Vectors(new Minimum(), History, 1).Run(5);
        Assert.All(points, point => Assert.Equal(0, point[0]));
    }

    /// <summary>A function whose slope is wrong has no point that is better: back to the start, again and again, without an end.</summary>
    [Fact]
    public void Where_a_search_fails_it_begins_anew_at_the_start_of_the_line()
    {
        var vectors = new Vectors(new Wrong(), History, 1);
        var points = vectors.Run(60);
        Assert.Contains(points.Skip(1), point => point[0] == points[0][0]);
        Assert.Equal(0, vectors.Optimizer.State.Pairs);
    }

    [Fact]
    public void Its_state_as_JSON_goes_on_with_the_same_bits()
    {
        var problem = new Convex(7, 8);
        var straight = new Vectors(problem, History, 1).Run(20);
        for (var stop = 1; stop < 20; stop += 3)
        {
            var first = new Vectors(problem, History, 1);
            first.Run(stop);
            var state = JsonSerializer.Deserialize<LbfgsState>(JsonSerializer.Serialize(first.Optimizer.State));
            Assert.Equal(straight[stop..], first.With(new(History, 1, state)).Run(20 - stop));
        }
    }

    [Theory]
    [InlineData(1.0, null)]
    [InlineData(7.0, 0.0)]
    [InlineData(double.NaN, 0.0)]
    public void When_parameters_change_their_meaning_it_goes_to_the_best_known_point_and_forgets(double loss, double? length)
    {
        var optimizer = new Lbfgs(1, 1);
        optimizer.Decide(5, new([4, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.NotNull(optimizer.State.Search);
        Assert.Equal(length, optimizer.Stop(loss)?.Length);
        Assert.Null(optimizer.State.Search);
    }

    [Theory]
    [InlineData(3.9, null)]
    [InlineData(4.5, 0.5)]   // lower than where the line began, but not the lowest
    public void The_best_known_point_may_be_one_of_the_line(double loss, double? length)
    {
        var optimizer = new Lbfgs(1, 1);
        optimizer.Decide(5, new([4, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.True(optimizer.Decide(4, new([4, 2, -3.9, 0, 0, 0, 0, 0, 0, 0]))?.Length > 0.5);
        Assert.Equal(length, optimizer.Stop(loss)?.Length);
    }

    /// <summary>JSON, and so a manifest, has no such numbers.</summary>
    [Fact]
    public void Products_of_forgotten_pairs_are_not_kept()
    {
        var optimizer = new Lbfgs(2, 1);
        optimizer.Decide(5, new([4, 2, .. Enumerable.Repeat(0.0, 12)]));
        Assert.Equal(0.5, optimizer.Decide(1, new([1, 1, 0, 4, 4, 1, .. Enumerable.Repeat(double.NaN, 8)]))?.Taken);
        Assert.Equal(1, optimizer.State.Pairs);
        Assert.All(optimizer.State.StepsWithChanges.Concat(optimizer.State.Changes), value => Assert.True(double.IsFinite(value)));
    }

    [Fact]
    public void A_state_fits_as_many_pairs_as_it_is_of()
    {
        var state = new Lbfgs(3, 1).State;
        Assert.Equal([false, true, false], new[] { 2, 3, 4 }.Select(state.Fits));
        Assert.All(
            [state with { Pairs = 4 }, state with { Pairs = -1 }, state with { Changes = [] }, state with { StepsWithChanges = new double[8] }, state with { Returns = true }],
            wrong => Assert.False(wrong.Fits(3)));
    }

    [Fact]
    public void Products_are_added_in_the_order_of_names()
    {
        KeyValuePair<string, IReadOnlyList<double>>[] parts = [new("b", [1e16]), new("c", [-1e16]), new("a", [1])];
        Assert.Equal(((1 + 1e16) - 1e16), LbfgsProducts.Sum(parts).Values[0]);
        Assert.Equal(LbfgsProducts.Sum(parts).Values, LbfgsProducts.Sum(parts.Reverse()).Values);
    }

    /// <summary>Points evaluated, by the recursion on vectors (algorithm 7.5 of Nocedal and Wright 2006).</summary>
    private static List<double[]> Textbook(IProblem problem, int evaluations, double rate)
    {
        var points = new List<double[]>();
        var pairs = new List<(double[] Step, double[] Change)>();
        var x = problem.Start;
        points.Add(x);
        var (loss, gradient) = (problem.Loss(x), problem.Gradient(x));
        while (true)
        {
            var q = gradient.ToArray();
            var along = new double[pairs.Count];
            for (var i = pairs.Count - 1; i >= 0; i--)
            {
                along[i] = Dot(pairs[i].Step, q) / Dot(pairs[i].Step, pairs[i].Change);
                q = Add(q, pairs[i].Change, -along[i]);
            }

            if (pairs.Count > 0)
            {
                var (step, change) = pairs[^1];
                q = [.. q.Select(value => value * Dot(step, change) / Dot(change, change))];
            }

            for (var i = 0; i < pairs.Count; i++)
            {
                q = Add(q, pairs[i].Step, along[i] - (Dot(pairs[i].Change, q) / Dot(pairs[i].Step, pairs[i].Change)));
            }

            double[] direction = [.. q.Select(value => -value)];
            var search = LineSearch.Begin(loss, Dot(gradient, direction), pairs.Count == 0 ? Math.Min(1, 1 / gradient.Sum(Math.Abs)) * rate : rate);
            while (true)
            {
                if (points.Count == evaluations)
                {
                    return points;
                }

                var trial = Add(x, direction, search.Length);
                points.Add(trial);
                var slopes = problem.Gradient(trial);
                var (next, end) = search.Took(problem.Loss(trial), Dot(slopes, direction));
                if (next is not null)
                {
                    search = next;
                    continue;
                }

                Assert.Equal(search.Length, end);
                pairs.Add(([.. direction.Select(value => value * end)], Add(slopes, gradient, -1)));
                if (pairs.Count > History)
                {
                    pairs.RemoveAt(0);
                }

                (x, loss, gradient) = (trial, problem.Loss(trial), slopes);
                break;
            }
        }
    }

    private static double Dot(double[] one, double[] other) => one.Zip(other).Sum(pair => pair.First * pair.Second);

    private static double Norm(double[] values) => Math.Sqrt(Dot(values, values));

    private static double[] Add(double[] sum, double[] addend, double factor) => [.. sum.Zip(addend).Select(pair => pair.First + (factor * pair.Second))];

    private interface IProblem
    {
        double[] Start { get; }

        double Loss(double[] x);

        double[] Gradient(double[] x);
    }

    /// <summary>What stages do with vectors.</summary>
    private sealed class Vectors(IProblem problem, int history, double rate)
    {
        private readonly int size = problem.Start.Length;
        private double[] x = problem.Start;
        private double[] direction = new double[problem.Start.Length];
        private double[] start = new double[problem.Start.Length];
        private double[] startGradient = new double[problem.Start.Length];
        private List<double[]> steps = [.. Enumerable.Range(0, history).Select(_ => new double[problem.Start.Length])];
        private List<double[]> changes = [.. Enumerable.Range(0, history).Select(_ => new double[problem.Start.Length])];

        public Lbfgs Optimizer { get; private set; } = new(history, rate);

        public Vectors With(Lbfgs optimizer)
        {
            Optimizer = optimizer;
            return this;
        }

        public List<double[]> Run(int evaluations)
        {
            var points = new List<double[]>();
            for (var i = 0; i < evaluations; i++)
            {
                points.Add(x);
                var (loss, g) = (problem.Loss(x), problem.Gradient(x));
                var y = Add(g, startGradient, -1);
                double[] products =
                [
                    Dot(g, g), g.Sum(Math.Abs), Dot(g, direction), Dot(y, y), Dot(y, direction), Dot(y, g),
                    .. steps.Zip(changes).SelectMany(pair => new[]
                    {
                        Dot(pair.First, g), Dot(pair.First, y), Dot(pair.Second, g), Dot(pair.Second, y),
                    }),
                ];
                if (Optimizer.Decide(loss, new(products)) is not { } move)
                {
                    continue;
                }

                if (move.Taken is { } length)
                {
                    steps = [.. steps[1..], [.. direction.Select(value => value * length)]];
                    changes = [.. changes[1..], y];
                }

                if (move.Coefficients is { } coefficients)
                {
                    (start, startGradient) = (x, g);
                    direction = steps.Concat(changes).Append(g).Zip(coefficients).Aggregate(new double[size], (sum, entry) => Add(sum, entry.First, entry.Second));
                }

                x = Add(start, direction, move.Length);
            }

            return points;
        }
    }

    /// <summary>A sum of quadratics and softplus-like terms.</summary>
    private sealed class Convex(int seed, int size) : IProblem
    {
        private readonly double[][] rows = Rows(seed, size);

        public double[] Start => [.. Enumerable.Range(0, size).Select(i => 1.0 + (0.1 * i))];

        public double Loss(double[] x) => rows.Sum(row => Math.Log(Math.Cosh(Dot(row, x)))) + (0.05 * Dot(x, x));

        public double[] Gradient(double[] x) =>
            rows.Aggregate((double[])[.. x.Select(value => 0.1 * value)], (sum, row) => Add(sum, row, Math.Tanh(Dot(row, x))));

        private static double[][] Rows(int seed, int size)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, size).Select(_ => Enumerable.Range(0, size).Select(_ => random.NextDouble() - 0.5).ToArray())];
        }
    }

    private sealed class Rosenbrock : IProblem
    {
        public double[] Start => [-1.2, 1];

        public double Loss(double[] x) => (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)) + Math.Pow(1 - x[0], 2);

        public double[] Gradient(double[] x) => [(-400 * x[0] * (x[1] - (x[0] * x[0]))) - (2 * (1 - x[0])), 200 * (x[1] - (x[0] * x[0]))];
    }

    /// <summary>x - log x, defined for positive x alone.</summary>
    private sealed class Logarithm : IProblem
    {
        public double[] Start => [3];

        public double Loss(double[] x) => x[0] - Math.Log(x[0]);

        public double[] Gradient(double[] x) => [x[0] > 0 ? 1 - (1 / x[0]) : double.NaN];
    }

    private sealed class Minimum : IProblem
    {
        public double[] Start => [0];

        public double Loss(double[] x) => x[0] * x[0];

        public double[] Gradient(double[] x) => [2 * x[0]];
    }

    private sealed class Wrong : IProblem
    {
        public double[] Start => [1];

        public double Loss(double[] x) => -x[0];

        public double[] Gradient(double[] x) => [1];
    }
}
