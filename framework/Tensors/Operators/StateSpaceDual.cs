using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The selective state-space recurrence with one decay a head, as matrix products over chunks: the state space duality of Mamba-2
/// (Dao and Gu 2024, arXiv:2405.21060, section 6; reference implementation: state-spaces/mamba, <c>ssd_minimal.py</c>). Work and memory are
/// linear in the length. Everything is computed in float32 and decays add up in float64, whatever the type of the input.</summary>
public static class StateSpaceDual
{
    /// <summary>What a document's border adds to the exponent of the decay: <c>exp</c> of it is zero in float32 and float64, and it is small
    /// enough that the sums beside it stay exact.</summary>
    private const double Border = -1000;

    /// <summary><c>S[t] = exp(dt[t] a) S[t-1] + dt[t] x[t] b[t]^T</c> and <c>y[t] = S[t] c[t] + d x[t]</c>, for each head.</summary>
    /// <param name="input">x: (sequences, length, heads, head size).</param>
    /// <param name="timeStep">dt, positive: (sequences, length, heads).</param>
    /// <param name="a">Negative: (heads).</param>
    /// <param name="b">(sequences, length, groups, state); a group serves heads / groups neighbouring heads.</param>
    /// <param name="c">Likewise.</param>
    /// <param name="d">(heads).</param>
    /// <param name="chunk">Tokens of a chunk, 64 to 128 on a CPU; it changes the time and the rounding, not the result. The length need not be
    /// a multiple of it.</param>
    /// <param name="initialState">S before the first token, (sequences, heads, head size, state); zeros without it.</param>
    /// <param name="starts">bool (sequences, length): the state is cleared before a true position.</param>
    /// <returns>y in the input's type, and S behind the last token in float32; both differentiable, in all arguments.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static (Tensor Output, Tensor State) Run(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, int chunk, Tensor? initialState = null, Tensor? starts = null)
    {
        var decay = timeStep.to(ScalarType.Float64) * a.to(ScalarType.Float64);
        return RunWeighted(input, timeStep, decay, b, c, d, chunk, initialState, starts);
    }

    /// <summary>With weights of the inputs that are not tied to the decays: <c>S[t] = exp(decay[t]) S[t-1] + weight[t] x[t] b[t]^T</c>.</summary>
    /// <param name="weight">(sequences, length, heads).</param>
    /// <param name="decay">Exponents, not positive: (sequences, length, heads).</param>
    /// <inheritdoc cref="Run"/>
    public static (Tensor Output, Tensor State) RunWeighted(
        Tensor input, Tensor weight, Tensor decay, Tensor b, Tensor c, Tensor? d, int chunk, Tensor? initialState = null, Tensor? starts = null)
    {
        var shape = ScanShape.Of(input, b, chunk);
        Check(shape, weight, decay, b, c, d, initialState);
        var exponents = decay.to(ScalarType.Float64);
        if (starts is not null)
        {
            exponents = Arithmetic.Add(exponents, Arithmetic.Scale(starts.to(ScalarType.Float64), Border).unsqueeze(-1));
        }

        Tensor[] arguments =
        [
            input,
            weight.to(ScalarType.Float32),
            exponents,
            b,
            c,
            d?.to(ScalarType.Float32) ?? zeros(shape.Heads, ScalarType.Float32, input.device),
            initialState?.to(ScalarType.Float32) ?? zeros(shape.State, ScalarType.Float32, input.device),
        ];
        if (is_grad_enabled() && arguments.Any(argument => argument.requires_grad))
        {
            return Parts(StateSpaceDualFunction.apply([.. arguments, chunk])[0]);
        }

        return Parts(new StateSpaceScan(shape, arguments).Forward(keep: null));

        (Tensor Output, Tensor State) Parts(Tensor both)
        {
            var (output, state) = shape.Parts(both);
            return (output.to(input.dtype), state);
        }
    }

    private static void Check(ScanShape shape, Tensor weight, Tensor decay, Tensor b, Tensor c, Tensor? d, Tensor? initialState)
    {
        Require(weight, [shape.Sequences, shape.Length, shape.Heads], "weights or time steps");
        Require(decay, [shape.Sequences, shape.Length, shape.Heads], "decays");
        Require(b, [shape.Sequences, shape.Length, shape.Groups, shape.StateSize], "b");
        Require(c, [shape.Sequences, shape.Length, shape.Groups, shape.StateSize], "c");
        Require(d, [shape.Heads], "d");
        Require(initialState, shape.State, "initial state");
    }

    private static void Require(Tensor? tensor, long[] shape, string what)
    {
        if (tensor is not null && !tensor.shape.SequenceEqual(shape))
        {
            throw new ArgumentException($"A state-space scan's {what} must be [{string.Join(", ", shape)}], not [{string.Join(", ", tensor.shape)}].", nameof(tensor));
        }
    }
}
