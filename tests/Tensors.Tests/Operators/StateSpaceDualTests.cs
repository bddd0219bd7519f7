using CsCheck;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

/// <summary>The scan in chunks against the recurrence, step by step in float64. Differences are relative to the largest element: float32
/// has 6e-8, and sums of a thousand terms lose about 30 times that.</summary>
public class StateSpaceDualTests
{
    private const double Tolerance = 2e-5;

    private static readonly string[] Names = ["x", "dt", "a", "b", "c", "d", "initial state"];

    [Theory]
    [InlineData(1, 64)]
    [InlineData(3, 64)]
    [InlineData(63, 64)]
    [InlineData(64, 64)]
    [InlineData(65, 64)]
    [InlineData(257, 128)]
    [InlineData(1024, 64)]
    [InlineData(1024, 256)]
    public void Values_and_gradients_are_those_of_the_recurrence(int length, int chunk) =>
        AssertRecurrence(new(Sequences: 2, length, Groups: 2, HeadsPerGroup: 2, HeadSize: 5, StateSize: 6, chunk, Seed: length, Starts: false, State: true, Decay: 1));

    [Fact]
    public void Any_shape_with_and_without_borders_and_state_gives_the_recurrence() =>
        Gen.Select(
            Gen.Select(Gen.Int[1, 3], Gen.Int[1, 40], Gen.Int[0, 2].Select(power => 1 << power), Gen.Int[1, 3]),
            Gen.Select(Gen.Int[1, 5], Gen.Int[1, 5], Gen.Int[1, 20], Gen.Int[0, 1000]),
            Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[0, 2].Select(index => new[] { 0.1, 1, 20 }[index])))
        .Select((shape, size, options) => new Case(
            shape.Item1, shape.Item2, shape.Item3, shape.Item4, size.Item1, size.Item2, size.Item3, size.Item4, options.Item1, options.Item2, options.Item3))
        .Sample(AssertRecurrence, iter: 60, threads: 1);

    /// <summary>Some spans of several chunks: what is computed together depends on the sizes.</summary>
    [Fact]
    public void A_scan_in_several_spans_gives_the_recurrence() =>
        AssertRecurrence(new(Sequences: 2, Length: 300, Groups: 2, HeadsPerGroup: 4, HeadSize: 32, StateSize: 8, Chunk: 32, Seed: 5, Starts: true, State: true, Decay: 1));

    /// <summary>Mamba-2's default initialisation, A from 1 to 16 and time steps from 0.001 to 0.1, at the published chunk of 256, and time steps
    /// so large that nothing is left of a state: where <c>exp</c> of an unmasked difference overflows.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(50)]
    public void Gradients_are_finite(double longest)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (heads, length) = (8, 512);
        Tensor[] arguments =
        [
            randn(1, length, heads, 16),
            empty(1, length, heads).uniform_(0.001, longest),
            linspace(1, 16, heads).neg(),
            randn(1, length, 1, 16),
            randn(1, length, 1, 16),
            ones(heads),
        ];
        foreach (var argument in arguments)
        {
            argument.requires_grad_(true);
        }

        var (output, state) = StateSpaceDual.Run(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], 256);
        (output.square().sum() + state.square().sum()).backward();
        Assert.All(arguments, argument => Assert.True(argument.grad!.isfinite().all().item<bool>()));
        Assert.True(output.isfinite().all().item<bool>());
    }

    [Fact]
    public void A_sequence_cut_in_two_has_the_gradients_of_the_whole()
    {
        using var scope = NewDisposeScope();
        var one = new Case(Sequences: 2, Length: 50, Groups: 2, HeadsPerGroup: 2, HeadSize: 4, StateSize: 8, Chunk: 16, Seed: 1, Starts: false, State: true, Decay: 1);
        var whole = Draw(one);
        var cut = Copy(whole, ScalarType.Float32);
        var (output, state) = Run(whole, one.Chunk, null);
        var (first, handedOver) = Run(Part(cut, 0, 23), one.Chunk, null);
        var (second, end) = Run([.. Part(cut, 23, 27)[..6], handedOver], one.Chunk, null);
        var joined = cat([first, second], 1);
        AssertClose(output, joined, "y");
        AssertClose(state, end, "S");
        Backward(output, state);
        Backward(joined, end);
        Assert.All(Enumerable.Range(0, 7), index => AssertClose(whole[index].grad!, cut[index].grad!, Names[index]));
    }

    [Fact]
    public void A_gradient_of_the_state_alone_is_enough()
    {
        using var scope = NewDisposeScope();
        var one = new Case(Sequences: 1, Length: 9, Groups: 1, HeadsPerGroup: 2, HeadSize: 3, StateSize: 4, Chunk: 4, Seed: 1, Starts: false, State: true, Decay: 1);
        var arguments = Draw(one);
        var expected = Copy(arguments, ScalarType.Float64);
        Run(arguments, one.Chunk, null).State.square().sum().backward();
        Recurrence(expected, null).State.square().sum().backward();
        Assert.Equal(0, arguments[4].grad!.abs().max().item<float>());
        Assert.All(new[] { 0, 1, 2, 3, 6 }, index => AssertClose(expected[index].grad!, arguments[index].grad!, Names[index]));
    }

    /// <summary>bfloat16 has 8 bits of mantissa; all but the arguments and the output is float32.</summary>
    [Fact]
    public void A_bfloat16_input_is_computed_in_float32()
    {
        using var scope = NewDisposeScope();
        var one = new Case(Sequences: 2, Length: 50, Groups: 1, HeadsPerGroup: 4, HeadSize: 4, StateSize: 8, Chunk: 16, Seed: 1, Starts: false, State: true, Decay: 1);
        var single = Draw(one);
        var brain = single.Select((tensor, index) => (index is 0 or 3 or 4 ? tensor.detach().to(ScalarType.BFloat16) : tensor.detach()).requires_grad_(true)).ToArray();
        var rounded = brain.Select(tensor => tensor.detach().to(ScalarType.Float32)).ToArray();
        var (expected, actual) = (Run(rounded, one.Chunk, null), Run(brain, one.Chunk, null));
        Assert.Equal(ScalarType.BFloat16, actual.Output.dtype);
        Assert.Equal(ScalarType.Float32, actual.State.dtype);
        Assert.Equal(0, (expected.State - actual.State).abs().max().item<float>());
        Assert.True((expected.Output.to(ScalarType.BFloat16) == actual.Output).all().item<bool>());
        actual.Output.sum().backward();
        Assert.Equal(ScalarType.BFloat16, brain[0].grad!.dtype);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var scope = NewDisposeScope();
        Tensor Ones(params long[] shape) => ones(shape);
        Assert.Throws<ArgumentException>(() => StateSpaceDual.Run(Ones(1, 2, 3, 4), Ones(1, 2, 3), Ones(3), Ones(1, 2, 2, 5), Ones(1, 2, 2, 5), null, 4));
        Assert.Throws<ArgumentException>(() => StateSpaceDual.Run(Ones(1, 2, 4, 4), Ones(1, 2, 4), Ones(4), Ones(1, 2, 2, 5), Ones(1, 2, 2, 5), null, 0));
        Assert.Throws<ArgumentException>(() => StateSpaceDual.Run(Ones(1, 2, 4, 4), Ones(1, 2, 4), Ones(4), Ones(1, 2, 2, 5), Ones(1, 2, 2, 6), null, 4));
        Assert.Throws<ArgumentException>(() => StateSpaceDual.Run(Ones(1, 2, 4, 4), Ones(1, 2, 4), Ones(4), Ones(1, 2, 2, 5), Ones(1, 2, 2, 5), null, 4, Ones(1, 4, 5, 4)));
    }

    private static void AssertRecurrence(Case one)
    {
        using var scope = NewDisposeScope();
        var actual = Draw(one);
        var expected = Copy(actual, ScalarType.Float64);
        var starts = one.Starts ? rand(one.Sequences, one.Length).lt(0.2) : null;
        var (output, state) = Run(actual, one.Chunk, starts, one.State);
        var (sequentialOutput, sequentialState) = Recurrence(expected, starts, one.State);
        AssertClose(sequentialOutput, output, $"{one}: y");
        AssertClose(sequentialState, state, $"{one}: S");
        Backward(output, state);
        Backward(sequentialOutput, sequentialState);
        var arguments = one.State ? 7 : 6;
        var largest = expected.Take(arguments).Max(argument => argument.grad!.abs().max().item<double>());
        for (var index = 0; index < arguments; index++)
        {
            // The gradients of a and d are sums over all tokens, whose terms may cancel out: they are as exact as the terms.
            AssertClose(expected[index].grad!, actual[index].grad!, $"{one}: gradient of {Names[index]}", index is 2 or 5 ? largest : 0);
        }
    }

    /// <summary>x, dt, a, b, c, d, initial state.</summary>
    private static Tensor[] Draw(Case one)
    {
        manual_seed(one.Seed);
        var heads = one.Groups * one.HeadsPerGroup;
        Tensor[] arguments =
        [
            randn(one.Sequences, one.Length, heads, one.HeadSize),
            empty(one.Sequences, one.Length, heads).uniform_(0.001, 0.5),
            empty(heads).uniform_(-one.Decay, -0.05 * one.Decay),
            randn(one.Sequences, one.Length, one.Groups, one.StateSize),
            randn(one.Sequences, one.Length, one.Groups, one.StateSize),
            randn(heads),
            randn(one.Sequences, heads, one.HeadSize, one.StateSize),
        ];
        return Copy(arguments, ScalarType.Float32);
    }

    /// <summary>The generator is the process's: drawing the same numbers twice is not safe beside other tests.</summary>
    private static Tensor[] Copy(Tensor[] arguments, ScalarType type) =>
        [.. arguments.Select(argument => argument.detach().clone().to(type).requires_grad_(true))];

    private static (Tensor Output, Tensor State) Run(Tensor[] arguments, int chunk, Tensor? starts, bool state = true) => StateSpaceDual.Run(
        arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], chunk, state ? arguments[6] : null, starts);

    private static (Tensor Output, Tensor State) Recurrence(Tensor[] arguments, Tensor? starts, bool initial = true)
    {
        var heads = arguments[0].shape[2] / arguments[3].shape[2];
        var (x, dt, b, c) = (arguments[0].unbind(1), arguments[1].unbind(1), arguments[3].unbind(1), arguments[4].unbind(1));
        var state = initial ? arguments[6] : zeros_like(arguments[6]);
        var outputs = new List<Tensor>();
        for (var t = 0; t < x.Length; t++)
        {
            if (starts is not null)
            {
                state = state * starts[.., t].logical_not().to(state.dtype).view(-1, 1, 1, 1);
            }

            var decay = (dt[t] * arguments[2]).exp().unsqueeze(-1).unsqueeze(-1);
            var added = (x[t] * dt[t].unsqueeze(-1)).unsqueeze(-1) * b[t].repeat_interleave(heads, 1).unsqueeze(-2);
            state = (state * decay) + added;
            outputs.Add((state * c[t].repeat_interleave(heads, 1).unsqueeze(-2)).sum(-1) + (arguments[5].unsqueeze(-1) * x[t]));
        }

        return (stack(outputs, 1), state);
    }

    /// <summary>A gradient with structure: a plain sum would leave errors of opposite signs to cancel out.</summary>
    private static void Backward(Tensor output, Tensor state)
    {
        var weights = arange(output.numel(), output.dtype).cos().view(output.shape);
        ((output * weights).sum() + state.square().sum()).backward();
    }

    private static Tensor[] Part(Tensor[] arguments, long start, long length) =>
        [.. arguments.Select((argument, index) => index is 0 or 1 or 3 or 4 ? argument.narrow(1, start, length) : argument)];

    /// <param name="least">What a difference is compared with where no element is larger.</param>
    private static void AssertClose(Tensor expected, Tensor actual, string what, double least = 0)
    {
        var wide = expected.to(ScalarType.Float64);
        var difference = (wide - actual.to(ScalarType.Float64)).abs().max().item<double>() / Math.Max(wide.abs().max().item<double>(), Math.Max(least, 1e-30));
        Assert.True(difference <= Tolerance, $"{what} differs by {difference} of its largest element.");
    }

    private sealed record Case(
        int Sequences, int Length, int Groups, int HeadsPerGroup, int HeadSize, int StateSize, int Chunk, int Seed, bool Starts, bool State, double Decay);
}
