using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Optimizers;

public class AdamWTests
{
    private static readonly OptimizerSettings Settings = new(Betas: [0.8, 0.95], WeightDecay: 0.3);

    /// <summary>The formula of arXiv:1711.05101, in double precision, over a few steps; float32 state rounds to about 1e-6.</summary>
    [Theory]
    [InlineData(1.0)]
    [InlineData(0.25)]
    public void The_fused_kernel_follows_the_paper(double scale)
    {
        using var scope = NewDisposeScope();
        using var matrix = Parameter("matrix", 3, 5);
        using var vector = Parameter("vector", 4);
        using var optimizer = new AdamW([matrix, vector], Settings);
        var expected = new[] { new Reference(matrix, Settings.WeightDecay), new Reference(vector, 0) };
        using var random = new Generator(5);
        for (var step = 1; step <= 5; step++)
        {
            foreach (var reference in expected)
            {
                var gradient = empty(reference.Parameter.Value.shape).normal_(0, 1, random);
                reference.Parameter.Value.grad = gradient.clone();
                reference.Step(gradient.to(ScalarType.Float64) * scale, step, 1e-2);
            }

            optimizer.Apply(step, 1e-2, scale);
            Assert.All(expected, reference => reference.AssertClose());
        }
    }

    [Fact]
    public void Its_state_is_two_moments_a_parameter_by_name()
    {
        using var matrix = Parameter("matrix", 3, 5);
        using var optimizer = new AdamW([matrix], Settings);
        Assert.Equal([("matrix", "exp_avg"), ("matrix", "exp_avg_sq")], optimizer.State.Select(state => (state.Parameter, state.Moment)));
    }

    [Fact]
    public void A_parameter_without_a_gradient_is_named()
    {
        using var matrix = Parameter("matrix", 3, 5);
        using var optimizer = new AdamW([matrix], Settings);
        var failure = Assert.Throws<InvalidOperationException>(() => optimizer.Apply(1, 1e-3, 1));
        Assert.Equal("Parameter matrix has no gradient: no backward reached it.", failure.Message);
    }

    /// <summary>Cut at multiples of 64 elements, every element is computed by the same instructions as in the whole.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Pieces_get_the_bits_of_the_whole(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var whole = new Parameter(new("p", [7, 61], Initialization.Normal(1)), 1, type, CPU);
        using var cut = new Parameter(new("p", [7, 61], Initialization.Normal(1)), 1, type, CPU);
        using var one = new AdamW([whole], Settings);
        ParameterPiece[] pieces = [new(cut, 0, 64), new(cut, 64, 192), new(cut, 192, 427)];
        using var three = new AdamW(pieces, Settings);
        using var random = new Generator(5);
        for (var step = 1; step <= 5; step++)
        {
            var gradient = empty(427).normal_(0, 1, random).to(type);
            whole.Value.grad = gradient.clone().view(7, 61);
            cut.Value.grad = gradient.clone().view(7, 61);
            pieces[1].Sum = gradient.narrow(0, 64, 128).clone();   // may have come from elsewhere
            one.Apply(step, 1e-2, 0.7);
            three.Apply(step, 1e-2, 0.7);
        }

        Assert.Equal(0, (whole.Value.detach() - cut.Value.detach()).abs().max().to(ScalarType.Float32).item<float>());
        Assert.Equal(["p[0:64]", "p[64:192]", "p[192:427]"], three.State.Where(state => state.Moment == "exp_avg").Select(state => state.Parameter));
        var moments = cat([.. three.State.Where(state => state.Moment == "exp_avg_sq").Select(state => state.Value)]).view(7, 61);
        Assert.Equal(0, (moments - one.State.Last().Value).abs().max().to(ScalarType.Float32).item<float>());
    }

    private static Parameter Parameter(string name, params long[] shape) =>
        new(new(name, shape, Initialization.Normal(1)), 1, ScalarType.Float32, CPU);

    private sealed class Reference(Parameter parameter, double decay)
    {
        private Tensor value = parameter.Value.detach().to(ScalarType.Float64);
        private Tensor first = zeros(parameter.Value.shape, ScalarType.Float64);
        private Tensor second = zeros(parameter.Value.shape, ScalarType.Float64);

        public Parameter Parameter => parameter;

        public void Step(Tensor gradient, int step, double rate)
        {
            var (b1, b2) = (Settings.Betas[0], Settings.Betas[1]);
            value *= 1 - (rate * decay);
            first = (b1 * first) + ((1 - b1) * gradient);
            second = (b2 * second) + ((1 - b2) * gradient.square());
            value -= rate * (first / (1 - Math.Pow(b1, step))) / ((second / (1 - Math.Pow(b2, step))).sqrt() + Settings.Epsilon);
        }

        public void AssertClose() =>
            Assert.Equal(0, (value - parameter.Value.detach().to(ScalarType.Float64)).abs().max().item<double>(), 2e-6);
    }
}
