using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

public class SplineLayerTests
{
    private const string Name = "kan";

    private static readonly Pass Double = new(1, 1, 0, Training: true, ScalarType.Float64);

    public static TheoryData<int, bool> OrdersAndGrids => new(from order in new[] { 0, 1, 2, 3, 5 } from even in new[] { true, false } select (order, even));

    public static TheoryData<int> Orders => [0, 1, 2, 3, 5];

    /// <summary>Also at every knot, and at both ends; and where k + 1 knots lie at each end, as in clamped splines.</summary>
    [Theory]
    [MemberData(nameof(OrdersAndGrids))]
    public void Splines_add_up_to_one_on_the_closed_range(int order, bool even)
    {
        using var scope = NewDisposeScope();
        var knots = Knots(order, even, inputs: 2);
        var clamped = cat([.. Enumerable.Repeat(knots.narrow(1, order, 1), order), knots.narrow(1, order, 8), .. Enumerable.Repeat(knots.narrow(1, order + 7, 1), order)], 1);
        foreach (var grid in new[] { knots, clamped })
        {
            var inner = grid.narrow(1, order, 8);
            var places = cat([Inside(grid, order, 50), inner.t()]);
            var bases = BSpline.Bases(places, grid, order);
            Assert.Equal(0, (bases.sum(-1) - 1).abs().max().item<double>(), 1e-13);
            Assert.True(bases.ge(0).all().item<bool>());
            Assert.True(bases.gt(0).sum(-1).max().item<long>() <= order + 1);
        }

        Assert.Equal(0, BSpline.Bases(knots.narrow(1, 0, 1).t() - 1, knots, order).abs().max().item<double>());
        Assert.Equal(0, BSpline.Bases(knots.narrow(1, knots.shape[1] - 1, 1).t() + 1, knots, order).abs().max().item<double>());
    }

    /// <summary>Central differences over a step h = 1e-7 round to 1e-9, and at a knot of order 2, where the second derivative jumps by up to 1/0.02^2, miss
    /// the slope by h times a part of that.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void The_gradient_is_the_slope(int order)
    {
        using var scope = NewDisposeScope();
        var knots = Knots(order, even: false, inputs: 3);
        var places = Inside(knots, order, 40).requires_grad_(true);
        var weights = Draw(5, 3, knots.shape[1] - 1 - order);
        (BSpline.Bases(places, knots, order) * weights).sum().backward();
        using var noGradient = no_grad();
        var slope = (((BSpline.Bases(places + 1e-7, knots, order) - BSpline.Bases(places - 1e-7, knots, order)) * weights).sum(-1)) / 2e-7;
        Assert.Equal(0, (slope - places.grad!).abs().max().item<double>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(OrdersAndGrids))]
    public void Refinement_changes_no_function_anywhere(int order, bool even)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(order);
        var before = Values(settings);
        before[$"{Name}.grid"].copy_(Knots(order, even, settings.Inputs));
        foreach (var parts in new[] { 2, 3, 7 })
        {
            var finer = settings with { Intervals = parts * settings.Intervals };
            var after = new Dictionary<string, Tensor>(before, StringComparer.Ordinal);
            foreach (var (name, value) in SplineLayer.Grown(finer, Name, before))
            {
                Assert.NotEqual(before[name].shape, value.shape);
                after[name] = value;
            }

            Assert.Equal(Shapes(finer), after.ToDictionary(pair => pair.Key, pair => string.Join(' ', pair.Value.shape)));
            Assert.True(after[$"{Name}.grid"].diff(1).gt(0).all().item<bool>());
            var knots = before[$"{Name}.grid"];
            var places = cat([Inside(knots, order, 100), Inside(after[$"{Name}.grid"], 0, 100), knots.narrow(1, order, settings.Intervals).t(), Draw(8, 30, 3) * 3]);
            var (coarse, fine) = (Run(settings, before, places), Run(finer, after, places));
            Assert.Equal(0, (coarse - fine).abs().max().item<double>(), 1e-10);
        }
    }

    /// <summary>A polynomial of the splines' degree on the whole line is in every grid's reach, so that an update must keep it wherever there are
    /// samples, whatever the scaler is.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_update_keeps_a_function_that_the_new_grid_can_have(int order)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(order) with { Low = -4, High = 4 };
        var values = Values(settings);
        Polynomials(settings, values);
        var before = values.ToDictionary(pair => pair.Key, pair => pair.Value.clone(), StringComparer.Ordinal);
        var samples = Draw(3, 200, settings.Inputs).pow(3) * 0.02;
        Assert.Equal([$"{Name}.spline_weight"], new SplineLayer(settings, Name, values).Adapt(samples, Double));
        Assert.Equal(0, (Run(settings, before, samples) - Run(settings, values, samples)).abs().max().item<double>(), 1e-10);
        Assert.True((before[$"{Name}.grid"] - values[$"{Name}.grid"]).abs().max().item<double>() > 0.1);
        Assert.Equal(before[$"{Name}.spline_scaler"], values[$"{Name}.spline_scaler"]);
        Assert.Equal(before[$"{Name}.base_weight"], values[$"{Name}.base_weight"]);
    }

    /// <summary>No coefficients over the new grid are nearer to the old functions, but for what the places without samples weigh.</summary>
    [Fact]
    public void An_update_is_as_near_to_the_function_as_the_new_grid_allows()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3) with { Inputs = 1, Intervals = 12 };
        var values = Values(settings);
        var before = values.ToDictionary(pair => pair.Key, pair => pair.Value.clone(), StringComparer.Ordinal);
        var samples = Draw(4, 500, 1) * 0.4;
        new SplineLayer(settings, Name, values).Adapt(samples, Double);
        var target = Run(settings, before, samples);
        var rest = (Run(settings, values, samples) - target).square().mean().sqrt().item<double>();
        var splines = (values[$"{Name}.spline_weight"] * values[$"{Name}.spline_scaler"].unsqueeze(-1)).squeeze(1).t();
        var bases = BSpline.Bases(samples, values[$"{Name}.grid"], 3).squeeze(1);
        var wanted = target - (Run(settings, values, samples) - bases.mm(splines));
        var best = (bases.mm(linalg.lstsq(bases, wanted).Solution) - wanted).square().mean().sqrt().item<double>();
        Assert.InRange(rest, best * 0.999, (best * 1.001) + 1e-12);
        Assert.InRange(rest, 0, 0.2 * target.std().item<double>());
    }

    [Fact]
    public void An_updated_grid_has_the_samples_evenly_in_its_intervals()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3) with { Intervals = 8 };
        var values = Values(settings);
        var samples = Draw(6, 4000, settings.Inputs).exp();
        new SplineLayer(settings, Name, values).Adapt(samples, Double);
        var grid = values[$"{Name}.grid"];
        Assert.True(grid.diff(1).gt(0).all().item<bool>());
        var inner = grid.narrow(1, 3, 9);
        Assert.True(samples.ge(inner.narrow(1, 0, 1).t()).logical_and(samples.le(inner.narrow(1, 8, 1).t())).all().item<bool>());
        var counts = stack([.. Enumerable.Range(0, 8).Select(i => samples.ge(inner.narrow(1, i, 1).t()).logical_and(samples.lt(inner.narrow(1, i + 1, 1).t())).sum(0L))]);
        // 500 in each but for the fiftieth of an even grid, which takes some from the dense intervals; in an even grid the last ones are nearly empty.
        Assert.InRange(counts.min().item<long>(), 250, 500);
        var layer = new SplineLayer(settings, Name, values);
        Assert.Equal((inner[1, 0].item<double>(), inner[1, 8].item<double>()), layer.RangeOf(1));
    }

    [Fact]
    public void An_update_is_the_same_each_time()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3);
        var results = Enumerable.Range(0, 3).Select(_ =>
        {
            var values = Values(settings, ScalarType.Float32);
            new SplineLayer(settings, Name, values).Adapt(Draw(4, 333, settings.Inputs).to(ScalarType.Float32), Double with { Compute = ScalarType.Float32 });
            return values;
        }).ToArray();
        Assert.All(results[1..], result => Assert.All(result, pair => Assert.True(pair.Value.equal(results[0][pair.Key]).all().item<bool>(), pair.Key)));
    }

    [Theory]
    [InlineData(4097)]
    [InlineData(10_000)]
    public void An_update_takes_many_samples_at_even_distances(int count)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3);
        var samples = Draw(4, count, settings.Inputs);
        var each = samples.unbind(0);
        var taken = stack([.. Enumerable.Range(0, 4096).Select(i => each[(int)Math.Floor(i * (count / 4096.0))])]);
        var results = new[] { samples, taken }.Select(rows =>
        {
            var values = Values(settings);
            new SplineLayer(settings, Name, values).Adapt(rows, Double);
            return values;
        }).ToArray();
        Assert.True(results[0][$"{Name}.grid"].equal(results[1][$"{Name}.grid"]).all().item<bool>());
        Assert.True(results[0][$"{Name}.spline_weight"].equal(results[1][$"{Name}.spline_weight"]).all().item<bool>());
    }

    [Theory]
    [InlineData("few")]
    [InlineData("one")]
    [InlineData("equal")]
    [InlineData("two values")]
    [InlineData("nearly equal")]
    [InlineData("infinite")]
    [InlineData("not a number")]
    public void Inputs_whose_samples_tell_no_grid_keep_theirs(string kind)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3);
        var values = Values(settings, ScalarType.Float32);
        var before = values.ToDictionary(pair => pair.Key, pair => pair.Value.clone(), StringComparer.Ordinal);
        var samples = Draw(4, 100, settings.Inputs);
        var second = samples.narrow(1, 1, 1);
        switch (kind)
        {
            case "few": samples = samples.narrow(0, 0, settings.Intervals); break;
            case "one": samples = samples.narrow(0, 0, 1); break;
            case "equal": second.copy_(zeros(1)); break;
            case "two values": second.copy_(second.gt(0)); break;
            case "nearly equal": second.copy_(1 + (second * 1e-6)); break;
            case "infinite": second[3, 0] = double.PositiveInfinity; break;
            default: second[3, 0] = double.NaN; break;
        }

        var few = samples.shape[0] < 10;
        var changed = new SplineLayer(settings, Name, values).Adapt(samples.to(ScalarType.Float32), Double with { Compute = ScalarType.Float32 });
        Assert.Equal(few ? [] : [$"{Name}.spline_weight"], changed);
        Assert.All(new[] { "grid", "spline_weight" }, name =>
        {
            var axis = name == "grid" ? 0 : 1;
            var (old, now) = (before[$"{Name}.{name}"], values[$"{Name}.{name}"]);
            Assert.True(now.isfinite().all().item<bool>());
            Assert.Equal(old.narrow(axis, 1, 1), now.narrow(axis, 1, 1));
            Assert.Equal(few, old.narrow(axis, 0, 1).equal(now.narrow(axis, 0, 1)).all().item<bool>());
            Assert.Equal(few, old.narrow(axis, 2, 1).equal(now.narrow(axis, 2, 1)).all().item<bool>());
        });
    }

    [Fact]
    public void Edge_functions_add_up_to_the_output()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3);
        var layer = new SplineLayer(settings, Name, Values(settings));
        var input = Draw(9, 20, settings.Inputs);
        var sum = Enumerable.Range(0, settings.Inputs).Select(i => layer.Evaluate(i, input.narrow(1, i, 1).squeeze(1))).Aggregate((left, right) => left + right);
        Assert.Equal(0, (layer.Forward(input, Double) - sum).abs().max().item<double>(), 1e-13);
        var (low, high) = layer.RangeOf(0);
        Assert.Equal((-1, 1), (Math.Round(low, 12), Math.Round(high, 12)));
        Assert.Equal([(Name, layer)], layer.EdgeFunctions);
    }

    /// <summary>Initial noise is within what its name says at the knots, and is not all the same.</summary>
    [Theory]
    [MemberData(nameof(Orders))]
    public void Splines_start_as_small_noise(int order)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(order) with { Outputs = 50 };
        var values = Values(settings);
        var weight = values[$"{Name}.spline_weight"];
        var bases = BSpline.Bases(values[$"{Name}.grid"].narrow(1, order, settings.Intervals).t(), values[$"{Name}.grid"], order);
        var noise = einsum("nij,oij->nio", bases, weight);
        Assert.InRange(noise.abs().max().item<double>(), 0.03 / settings.Intervals, 0.0501 / settings.Intervals);
        Assert.InRange(noise.std().item<double>(), 0.02 / settings.Intervals, 0.04 / settings.Intervals);
    }

    [Fact]
    public void Splines_are_computed_in_float32_where_the_rest_is_in_bfloat16()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Settings(3);
        var values = Values(settings, ScalarType.Float32);
        var layer = new SplineLayer(settings, Name, values);
        var input = Draw(9, 20, settings.Inputs).to(ScalarType.BFloat16);
        var (brain, single) = (layer.Forward(input, Double with { Compute = ScalarType.BFloat16 }), layer.Forward(input.to(ScalarType.Float32), Double with { Compute = ScalarType.Float32 }));
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        Assert.Equal(0, (brain.to(ScalarType.Float32) - single).abs().max().item<float>(), 0.02 * single.abs().max().item<float>());
    }

    private static SplineLayerSettings Settings(int order) => new(Inputs: 3, Outputs: 4, Intervals: 7, order, -1, 1, EvenShare: 0.02);

    private static Dictionary<string, string> Shapes(SplineLayerSettings settings) =>
        SplineLayer.Define(settings, Name, 1).Parameters.ToDictionary(parameter => parameter.Name, parameter => string.Join(' ', parameter.Shape));

    /// <summary>As they start, but with splines as large as the base.</summary>
    private static Dictionary<string, Tensor> Values(SplineLayerSettings settings, ScalarType type = ScalarType.Float64)
    {
        using var noGradient = no_grad();
        using var generator = new Generator(7);
        return SplineLayer.Define(settings, Name, 1).Parameters.ToDictionary(parameter => parameter.Name, parameter =>
        {
            var value = empty([.. parameter.Shape], ScalarType.Float64);
            parameter.Initialization.Fill(value, generator);
            return value.to(type);
        }, StringComparer.Ordinal);
    }

    /// <summary>Coefficients of polynomials of the splines' degree: fitted where the splines add up to one.</summary>
    private static void Polynomials(SplineLayerSettings settings, Dictionary<string, Tensor> values)
    {
        var places = Inside(values[$"{Name}.grid"], settings.Order, 100);
        var bases = BSpline.Bases(places, values[$"{Name}.grid"], settings.Order).transpose(0, 1);
        var x = places.t().unsqueeze(-1) / 4;
        var powers = cat([.. Enumerable.Range(0, settings.Order + 1).Select(power => x.pow(power))], -1);
        var polynomials = powers.matmul(Draw(2, settings.Inputs, settings.Order + 1, settings.Outputs));
        values[$"{Name}.spline_weight"].copy_(linalg.lstsq(bases, polynomials).Solution.permute(2, 0, 1));
    }

    private static Tensor Run(SplineLayerSettings settings, Dictionary<string, Tensor> values, Tensor input) => new SplineLayer(settings, Name, values).Forward(input, Double);

    /// <summary>Seven intervals, of sizes from 0.02 to 1 where they are not even, around zero.</summary>
    private static Tensor Knots(int order, bool even, int inputs)
    {
        using var generator = new Generator(1);
        return even
            ? SplineGrid.Even(-1, 1, 7, order).expand(inputs, -1).clone()
            : ((rand([inputs, 8 + (2 * order)], ScalarType.Float64, generator: generator) * 0.98) + 0.02).cumsum(1) - 2 - (order / 2.0);
    }

    /// <summary>Places from end to end of the range between the knots <paramref name="order"/> from each end.</summary>
    private static Tensor Inside(Tensor knots, int order, int count)
    {
        var (low, high) = (knots.narrow(1, order, 1), knots.narrow(1, knots.shape[1] - 1 - order, 1));
        return lerp(low, high, linspace(0, 1, count, ScalarType.Float64)).t().contiguous();
    }

    private static Tensor Draw(long seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed);
        return randn(shape, ScalarType.Float64, generator: generator);
    }
}
