using Pipeline.Stages.Mamba3;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba3;

public class Mamba3MixerTests
{
    private const string Name = "mixer";

    private static readonly Mamba3MixerSettings Small = new(
        Width: 12, InnerWidth: 24, HeadSize: 4, State: 10, Groups: 2, RotaryFraction: 0.5, Chunk: 64, OutputNorm: false, NormEpsilon: 1e-5, Residuals: 1);

    public static TheoryData<long, bool, bool, bool> Cases => new(
        from length in new long[] { 1, 2, 63, 64, 65, 130 }
        from state in new[] { false, true }
        from documents in new[] { false, true }
        select (length, state, documents, variant: length == 65));

    /// <summary>2e-5 of the largest: float32 sums over up to 130 tokens. Around one and two chunks, from a state on and with the state's own
    /// gradient, with documents that begin at a chunk's first and last token and one after another.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Values_and_gradients_are_those_of_the_recurrence(long length, bool from, bool documents, bool variant)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var settings = variant ? Small with { RotaryFraction = 1, OutputNorm = true, Groups = 6 } : Small;
        var (mixer, parameters) = Build(settings);
        var exact = Exact(parameters);
        var input = Draw(generator, 2, length, settings.Width);
        var before = from ? new Mamba3State(
            Scaled(rand([2, settings.Heads, settings.Pairs], ScalarType.Float64, generator: generator), 6),
            Draw(generator, 2, settings.Heads, settings.HeadSize, settings.State),
            Draw(generator, 2, settings.Heads, settings.State),
            Draw(generator, 2, settings.Heads, settings.HeadSize)) : null;
        long[][]? starts = documents ? [[.. new long[] { 1, 20, 63, 64, 129 }.Where(start => start < length)], [.. new long[] { 40, 41 }.Where(start => start < length)]] : null;

        Tensor[] given = [input, .. from ? Parts(before!) : []];
        Tensor[] wide = [.. given.Select(tensor => tensor.detach().to(ScalarType.Float64).clone().requires_grad_(true))];
        Array.ForEach(given, tensor => tensor.requires_grad_(true));
        var actual = mixer.Run(input, Pass() with { DocumentStarts = starts is null ? null : Mask(starts, length) }, before);
        var expected = new Recurrence(settings, name => exact[$"{Name}.{name}"]).Run(
            wide[0], from ? new(wide[1], wide[2], wide[3], wide[4]) : null, starts);

        AssertClose(expected.Output, actual.Output);
        Assert.Equal(0, (expected.After.Angle.cos() - actual.After.Angle.cos()).abs().max().item<double>(), 2e-5);
        Assert.Equal(0, (expected.After.Angle.sin() - actual.After.Angle.sin()).abs().max().item<double>(), 2e-5);
        Assert.All(Parts(expected.After).Zip(Parts(actual.After)).Skip(1), pair => AssertClose(pair.First, pair.Second));

        Tensor[] weights = [.. Parts(actual.After).Prepend(actual.Output).Select(result => Draw(generator, result.shape))];
        Sum(expected, weights).backward();
        Sum(actual, weights).backward();
        Assert.All(exact, parameter => AssertClose(Gradient(parameter.Value), Gradient(parameters[parameter.Key]), parameter.Key));
        Assert.All(wide.Zip(given), pair => AssertClose(Gradient(pair.First), Gradient(pair.Second), "input or state"));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(40, 1)]
    [InlineData(0, 300)]
    [InlineData(1000, 300)]
    public void Gradients_are_finite(double timeStep, double gain)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (mixer, parameters) = Build(Small, initial: true);
        using (no_grad())
        {
            parameters["mixer.dt_bias"].add_(timeStep);
            parameters["mixer.in_proj.weight"].mul_(gain);
        }

        var input = Draw(generator, 2, 130, Small.Width).requires_grad_(true);
        var starts = Mask([[0, 50], [64]], 130);
        foreach (var pass in new[] { Pass(), Pass() with { DocumentStarts = starts } })
        {
            var (output, after) = mixer.Run(input, pass);
            (output.sum() + Parts(after).Aggregate(zeros([]), (sum, part) => sum + part.sum())).backward();
            Assert.True(output.isfinite().all().item<bool>());
            Assert.All(parameters, parameter => Assert.True(parameter.Value.grad!.isfinite().all().item<bool>(), parameter.Key));
            Assert.True(input.grad!.isfinite().all().item<bool>());
        }
    }

    [Theory]
    [InlineData(6, 1, 1, 1, 1)]
    [InlineData(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)]
    [InlineData(2, 5, 3)]
    public void Parts_with_a_cache_give_the_output_of_the_whole(params int[] parts)
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        using var generator = new Generator(5);
        var (mixer, _) = Build(Small with { Chunk = 4 });
        var input = Draw(generator, 2, parts.Sum(), Small.Width);
        var whole = mixer.Run(input, Pass());
        var start = 0;
        var outputs = parts.Select(length => mixer.Forward(input.narrow(1, (start += length) - length, length), Pass() with { Cache = cache })).ToArray();
        AssertClose(whole.Output, cat(outputs, 1));
        AssertClose(whole.After.Angle, cache.Get("mixer.angle")!);
        AssertClose(whole.After.State, cache.Get("mixer.ssm")!);
        AssertClose(whole.After.Key, cache.Get("mixer.k")!);
        AssertClose(whole.After.Value, cache.Get("mixer.v")!);
    }

    /// <summary>Also where a document goes on from an earlier call, and where the next one begins with the call.</summary>
    [Fact]
    public void Packed_documents_are_computed_as_if_alone()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var (mixer, _) = Build(Small with { Chunk = 4 });
        long[] lengths = [5, 1, 2, 7];
        var input = Draw(generator, 1, lengths.Sum(), Small.Width);
        var alone = input.split(lengths, 1).Select(document => mixer.Run(document, Pass())).ToArray();
        var expected = cat([.. alone.Select(one => one.Output)], 1);
        var packed = mixer.Run(input, Pass() with { DocumentStarts = Mask([[0, 5, 6, 8]], 15) });
        AssertClose(expected, packed.Output);
        Assert.All(Parts(alone[^1].After).Zip(Parts(packed.After)), pair => AssertClose(pair.First, pair.Second));

        foreach (var cut in new long[] { 3, 5, 6, 10 })
        {
            var first = mixer.Run(input.narrow(1, 0, cut), Pass() with { DocumentStarts = Mask([[0, 5, 6, 8]], 15).narrow(1, 0, cut) });
            var second = mixer.Run(input.narrow(1, cut, 15 - cut), Pass() with { DocumentStarts = Mask([[0, 5, 6, 8]], 15).narrow(1, cut, 15 - cut) }, first.After);
            AssertClose(expected, cat([first.Output, second.Output], 1));
        }
    }

    [Fact]
    public void A_sequence_cut_in_two_has_the_gradients_of_the_whole()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var input = Draw(generator, 2, 11, Small.Width);
        var weights = Draw(generator, 2, 11, Small.Width);
        var (whole, expected) = Build(Small with { Chunk = 4 });
        (whole.Run(input, Pass()).Output * weights).sum().backward();
        var (cut, actual) = Build(Small with { Chunk = 4 });
        var first = cut.Run(input.narrow(1, 0, 6), Pass());
        var second = cut.Run(input.narrow(1, 6, 5), Pass(), first.After);
        (cat([first.Output, second.Output], 1) * weights).sum().backward();
        Assert.All(expected, parameter => AssertClose(parameter.Value.grad!, actual[parameter.Key].grad!, parameter.Key));
    }

    private static Pass Pass() => new(1, 1, 0, Training: true, ScalarType.Float32);

    private static Tensor Draw(Generator generator, params long[] shape) => randn(shape, ScalarType.Float32, generator: generator);

    private static Tensor Scaled(Tensor tensor, double factor) => tensor * factor;

    private static Tensor[] Parts(Mamba3State state) => [state.Angle, state.State, state.Key, state.Value];

    private static Tensor Sum((Tensor Output, Mamba3State After) result, Tensor[] weights) =>
        Parts(result.After).Prepend(result.Output).Zip(weights).Aggregate(zeros([]), (sum, pair) => sum + (pair.First * pair.Second).sum());

    private static Tensor Gradient(Tensor leaf) => leaf.grad is { } gradient ? gradient : zeros_like(leaf);

    private static Tensor Mask(long[][] starts, long length)
    {
        var mask = zeros([starts.Length, length], ScalarType.Bool);
        for (var sequence = 0; sequence < starts.Length; sequence++)
        {
            foreach (var start in starts[sequence])
            {
                mask[sequence, start] = true;
            }
        }

        return mask;
    }

    private static (Mamba3Mixer Mixer, IReadOnlyDictionary<string, Tensor> Parameters) Build(Mamba3MixerSettings settings, bool initial = false)
    {
        var parameters = Mamba3Mixer.Parameters(settings, Name).ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        if (!initial)
        {
            using var generator = new Generator(7);
            using (no_grad())
            {
                // Nothing that a test could not tell from its absence.
                foreach (var name in new[] { "B_norm.weight", "C_norm.weight", "B_bias", "C_bias", "norm.weight" }.Where(name => parameters.ContainsKey($"{Name}.{name}")))
                {
                    parameters[$"{Name}.{name}"].uniform_(0.5, 1.5, generator);
                }

                parameters["mixer.D"].uniform_(-1, 1, generator);
                parameters["mixer.dt_bias"].uniform_(-3, 0, generator);
                parameters["mixer.in_proj.weight"].mul_(2);
            }
        }

        return (new(settings, Name, parameters), parameters);
    }

    private static Dictionary<string, Tensor> Exact(IReadOnlyDictionary<string, Tensor> parameters) => parameters.ToDictionary(
        p => p.Key, p => p.Value.detach().to(ScalarType.Float64).requires_grad_(true), StringComparer.Ordinal);

    private static void AssertClose(Tensor expected, Tensor actual, string what = "result")
    {
        var wide = expected.to(ScalarType.Float64);
        var difference = (wide - actual.to(ScalarType.Float64)).abs().max().item<double>() / wide.abs().max().item<double>();
        Assert.True(difference <= 2e-5, $"The difference of {what} is {difference} of the largest element.");
    }
}
