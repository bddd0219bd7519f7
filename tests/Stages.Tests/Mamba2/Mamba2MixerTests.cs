using Pipeline.Stages.Mamba2;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba2;

public class Mamba2MixerTests
{
    private const string Name = "mixer";

    private static readonly Mamba2MixerSettings Small = new(
        Width: 12, InnerWidth: 24, HeadSize: 4, State: 5, Groups: 2, Convolution: 4, Chunk: 4, TimeStepLimit: null, Bias: true, ConvolutionBias: true,
        NormEpsilon: 1e-5, NormGroups: 1, Residuals: 1);

    /// <summary>The sums are the same ones in another order.</summary>
    [Theory]
    [InlineData(6, 1, 1, 1, 1)]
    [InlineData(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)]
    [InlineData(2, 5, 3)]
    public void Parts_with_a_cache_give_the_output_of_the_whole(params int[] parts)
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        var (mixer, _) = Build(Small);
        var input = randn(2, parts.Sum(), Small.Width);
        var whole = mixer.Forward(input, Pass());
        var start = 0;
        var outputs = parts.Select(length => mixer.Forward(input.narrow(1, (start += length) - length, length), Pass() with { Cache = cache })).ToArray();
        AssertClose(whole, cat(outputs, 1), 1e-5);
        Assert.Equal([2, Small.Convolution - 1, Small.ConvolutionWidth], cache.Get("mixer.conv")!.shape);
        Assert.Equal([2, Small.Heads, Small.HeadSize, Small.State], cache.Get("mixer.ssm")!.shape);
    }

    [Fact]
    public void Packed_documents_are_computed_as_if_alone()
    {
        using var scope = NewDisposeScope();
        var (mixer, _) = Build(Small);
        long[] lengths = [5, 1, 2, 7];
        var input = randn(1, lengths.Sum(), Small.Width);
        var starts = zeros([1, lengths.Sum()], ScalarType.Bool);
        foreach (var start in lengths.Select((_, index) => lengths[..index].Sum()))
        {
            starts[0, start] = true;
        }

        var alone = input.split(lengths, 1).Select(document => mixer.Forward(document, Pass()));
        AssertClose(cat([.. alone], 1), mixer.Forward(input, Pass() with { DocumentStarts = starts }), 1e-5);
    }

    [Fact]
    public void A_sequence_cut_in_two_has_the_gradients_of_the_whole()
    {
        using var scope = NewDisposeScope();
        var input = randn(2, 11, Small.Width);
        var weights = randn(2, 11, Small.Width);
        var (whole, expected) = Build(Small);
        (whole.Run(input, Pass()).Output * weights).sum().backward();
        var (cut, actual) = Build(Small);
        var first = cut.Run(input.narrow(1, 0, 6), Pass());
        var second = cut.Run(input.narrow(1, 6, 5), Pass(), first.After);
        (cat([first.Output, second.Output], 1) * weights).sum().backward();
        Assert.All(expected, parameter => AssertClose(parameter.Value.grad!, actual[parameter.Key].grad!, 1e-5));
    }

    /// <summary>The scan's own tests compare it with the recurrence; this one is about all that is around it, written down plainly for one
    /// token after another. Tolerance: float32.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(3, true)]
    public void The_mixer_is_the_papers(int normGroups, bool limited)
    {
        using var scope = NewDisposeScope();
        var settings = Small with { NormGroups = normGroups, TimeStepLimit = limited ? [0.01, 0.02] : null };
        var (mixer, parameters) = Build(settings);
        var input = randn(1, 9, settings.Width);
        AssertClose(Plain(settings, parameters, input), mixer.Forward(input, Pass()), 1e-5);
    }

    private static Tensor Plain(Mamba2MixerSettings settings, IReadOnlyDictionary<string, Tensor> parameters, Tensor input)
    {
        Tensor P(string name) => parameters[$"{Name}.{name}"].detach().to(ScalarType.Float64);
        var (inner, shared, heads) = (settings.InnerWidth, settings.SharedWidth, settings.Heads);
        var projected = input[0].to(ScalarType.Float64).matmul(P("in_proj.weight").t()) + P("in_proj.bias");
        var (gate, raw, step) = (projected[.., ..inner], projected[.., inner..^heads], projected[.., ^heads..]);
        var state = zeros(heads, settings.HeadSize, settings.State, ScalarType.Float64);
        var outputs = new List<Tensor>();
        for (var t = 0; t < input.shape[1]; t++)
        {
            var sum = P("conv1d.bias");
            for (var back = 0; back < settings.Convolution && back <= t; back++)
            {
                sum = sum + (P("conv1d.weight")[.., 0, settings.Convolution - 1 - back] * raw[t - back]);
            }

            var mixed = sum * sum.sigmoid();
            var x = mixed[..inner].view(heads, -1);
            var (b, c) = (ByHead(mixed[inner..(inner + shared)]), ByHead(mixed[(inner + shared)..]));
            var dt = (step[t] + P("dt_bias")).exp().log1p();
            dt = settings.TimeStepLimit is { } limit ? dt.clamp(limit[0], limit[1]) : dt;
            state = (state * (dt * P("A_log").exp().neg()).exp().view(-1, 1, 1)) + ((dt.unsqueeze(-1) * x).unsqueeze(-1) * b.unsqueeze(1));
            var y = (state * c.unsqueeze(1)).sum(-1) + (P("D").unsqueeze(-1) * x);
            var gated = (y.view(-1) * gate[t] * gate[t].sigmoid()).view(settings.NormGroups, -1);
            var normed = gated / (gated.square().mean([-1], true) + settings.NormEpsilon).sqrt();
            outputs.Add((normed.view(-1) * P("norm.weight")).matmul(P("out_proj.weight").t()) + P("out_proj.bias"));
        }

        return stack(outputs).unsqueeze(0);

        Tensor ByHead(Tensor group) => group.view(settings.Groups, -1).repeat_interleave(heads / settings.Groups, 0);
    }

    private static Pass Pass() => new(1, 1, 0, Training: true, ScalarType.Float32);

    private static (Mamba2Mixer Mixer, IReadOnlyDictionary<string, Tensor> Parameters) Build(Mamba2MixerSettings settings)
    {
        var parameters = Mamba2Mixer.Parameters(settings, Name).ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        using var generator = new Generator(7);
        using (no_grad())
        {
            // Nothing that a test could not tell from its absence.
            parameters["mixer.in_proj.bias"].uniform_(-0.5, 0.5, generator);
            parameters["mixer.norm.weight"].uniform_(0.5, 1.5, generator);
            parameters["mixer.out_proj.bias"].uniform_(-0.5, 0.5, generator);
            parameters["mixer.D"].uniform_(-1, 1, generator);
        }

        return (new(settings, Name, parameters), parameters);
    }

    private static void AssertClose(Tensor expected, Tensor actual, double relative)
    {
        var wide = expected.to(ScalarType.Float64);
        var difference = (wide - actual.to(ScalarType.Float64)).abs().max().item<double>() / wide.abs().max().item<double>();
        Assert.True(difference <= relative, $"The difference is {difference} of the largest element.");
    }
}
