using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Optimizers;

public class AdamATan2Tests
{
    private static readonly OptimizerSettings Settings = new("adam-atan2", Betas: [0.9, 0.95], WeightDecay: 0.3);

    /// <summary>Element by element in double precision, as the reference implementation of HRM and TRM has it.</summary>
    [Theory]
    [InlineData(ScalarType.Float64, 1.0, 1e-15)]
    [InlineData(ScalarType.Float64, 0.25, 1e-15)]
    [InlineData(ScalarType.Float32, 0.25, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1.0, 0.02)]
    public void It_follows_the_formula(ScalarType type, double scale, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var matrix = Parameter([3, 7], type);
        using var vector = Parameter([21], type);
        using var optimizer = Optimizer.Of(ParameterPiece.Whole([matrix, vector]), Settings);
        using var random = new Generator(5);
        foreach (var (parameter, decay) in new[] { (matrix, 0.3), (vector, 0.0) })
        {
            parameter.Value.grad = zeros_like(parameter.Value);
        }

        var expected = new[] { (matrix, 0.3), (vector, 0.0) }
            .Select(entry => (Parameter: entry.Item1, Decay: entry.Item2, Value: Doubles(entry.Item1.Value), First: new double[21], Second: new double[21])).ToArray();
        for (var step = 1; step <= 6; step++)
        {
            foreach (var (parameter, decay, value, first, second) in expected)
            {
                parameter.Value.grad = empty(parameter.Value.shape).normal_(0, 1, random).to(type);
                var gradient = Doubles(parameter.Value.grad!);
                for (var i = 0; i < value.Length; i++)
                {
                    var g = gradient[i] * scale;
                    value[i] *= 1 - (1e-2 * decay);
                    first[i] = (0.9 * first[i]) + ((1 - 0.9) * g);
                    second[i] = (0.95 * second[i]) + ((1 - 0.95) * g * g);
                    value[i] -= 1e-2 / (1 - Math.Pow(0.9, step)) * Math.Atan2(first[i], Math.Sqrt(second[i] / (1 - Math.Pow(0.95, step))));
                }
            }

            optimizer.Apply(step, 1e-2, scale);
            Assert.All(expected, entry => Assert.All(entry.Value.Zip(Doubles(entry.Parameter.Value)), pair =>
                Assert.Equal(pair.First, pair.Second, tolerance * Math.Max(1, Math.Abs(pair.First)))));
        }
    }

    [Theory]
    [InlineData(1e-12)]
    [InlineData(1.0)]
    [InlineData(1e12)]
    public void The_first_step_is_the_same_for_any_scale_of_the_gradient(double scale)
    {
        using var scope = NewDisposeScope();
        using var vector = Parameter([1000], ScalarType.Float32);
        using var optimizer = Optimizer.Of(ParameterPiece.Whole([vector]), Settings);
        var before = vector.Value.detach().clone();
        using var random = new Generator(5);
        var gradient = empty(1000).normal_(0, scale, random);
        vector.Value.grad = gradient;
        optimizer.Apply(1, 1, 1);
        var moved = (before - vector.Value.detach()) * gradient.sign();
        Assert.Equal(0, (moved - 0.99668653).abs().max().item<float>(), 1e-6);
    }

    [Fact]
    public void Where_there_has_been_no_gradient_nothing_moves()
    {
        using var scope = NewDisposeScope();
        using var vector = Parameter([10], ScalarType.Float32);
        using var optimizer = Optimizer.Of(ParameterPiece.Whole([vector]), Settings);
        var before = vector.Value.detach().clone();
        vector.Value.grad = zeros(10);
        optimizer.Apply(1, 1, 1);
        Assert.Equal(0, (before - vector.Value.detach()).abs().max().item<float>());
    }

    /// <summary>So large that libtorch would divide the whole among its threads, at other places than the pieces.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Pieces_get_the_bits_of_the_whole(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var threads = get_num_threads();
        set_num_threads(3);
        try
        {
            const long Elements = 3 * 33_337;
            using var whole = Parameter([3, Elements / 3], type);
            using var cut = Parameter([3, Elements / 3], type);
            using var one = Optimizer.Of(ParameterPiece.Whole([whole]), Settings);
            using var three = Optimizer.Of([new(cut, 0, 64), new(cut, 64, 50_048), new(cut, 50_048, Elements)], Settings);
            using var random = new Generator(5);
            for (var step = 1; step <= 3; step++)
            {
                var gradient = empty(Elements).normal_(0, 1, random).to(type).view(3, -1);
                (whole.Value.grad, cut.Value.grad) = (gradient.clone(), gradient.clone());
                one.Apply(step, 1e-2, 0.7);
                three.Apply(step, 1e-2, 0.7);
            }

            Assert.Equal(0, (whole.Value.detach() - cut.Value.detach()).abs().max().to(ScalarType.Float32).item<float>());
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Fact]
    public void A_reset_sets_the_first_moments_of_the_named_parameters_alone_to_zero()
    {
        using var scope = NewDisposeScope();
        using var one = Parameter([4], ScalarType.Float32, "one");
        using var two = Parameter([4], ScalarType.Float32, "two");
        using var optimizer = Optimizer.Of(ParameterPiece.Whole([one, two]), Settings);
        (one.Value.grad, two.Value.grad) = (ones(4), ones(4));
        optimizer.Apply(1, 1, 1);
        optimizer.ResetFirstMoments(["two"]);
        Assert.All(optimizer.State, state =>
            Assert.Equal((state.Parameter, state.Moment) == ("two", "exp_avg") ? 0 : 4, state.Value.count_nonzero().item<long>()));
    }

    /// <summary>The same gradient in every step, so that no step should be longer than the rate (arXiv:1412.6980, section 2.1).</summary>
    [Theory]
    [InlineData("adamw")]
    [InlineData("adam-atan2")]
    public void No_step_after_a_reset_is_longer_than_the_rate(string kind)
    {
        using var scope = NewDisposeScope();
        using var vector = Parameter([4], ScalarType.Float64);
        using var optimizer = Optimizer.Of(ParameterPiece.Whole([vector]), new(kind, Betas: [0.9, 0.99]));
        vector.Value.grad = ones(4, ScalarType.Float64) * 3;
        var (before, longest) = (Doubles(vector.Value)[0], 0.0);
        for (var step = 1; step <= 300; step++)
        {
            if (step == 200)
            {
                optimizer.ResetFirstMoments(["p"]);
            }

            optimizer.Apply(step, 1e-2, 1);
            var value = Doubles(vector.Value)[0];
            (before, longest) = (value, Math.Max(longest, before - value));
        }

        Assert.InRange(longest, 0.7e-2, 1.0001e-2);
    }

    private static double[] Doubles(Tensor values) => values.detach().to(ScalarType.Float64).view(-1).data<double>().ToArray();

    private static Parameter Parameter(long[] shape, ScalarType type, string name = "p") => new(new(name, shape, Initialization.Normal(1)), 1, type, CPU);
}
