using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The selective scan of Mamba (Gu and Dao 2023, arXiv:2312.00752, as in state-spaces/mamba's <c>selective_scan_ref</c>): each channel
/// has a state of N numbers, and
/// <code>
/// state(t)  = exp(timeStep(t) a) state(t-1) + timeStep(t) b(t) input(t)
/// output(t) = c(t) . state(t) + d input(t)
/// </code></summary>
public static class SelectiveScan
{
    /// <summary>Scans with autograd, for all arguments and both results. On the CPU it is one fused kernel, linear in the length, which keeps
    /// every 64th state for the backward; its bits depend neither on the number of threads (libtorch's of the calling thread) nor on the
    /// processor's vectors. Elsewhere, and in double precision, it is <see cref="Loop"/>. Types of 16 bits are computed in float32.</summary>
    /// <param name="input">(sequences, length, channels); the length is at least 1.</param>
    /// <param name="timeStep">Like <paramref name="input"/>, positive.</param>
    /// <param name="a">(channels, N), negative.</param>
    /// <param name="b">(sequences, length, N).</param>
    /// <param name="c">(sequences, length, N).</param>
    /// <param name="d">(channels).</param>
    /// <param name="initialState">(sequences, channels, N); zeros without it.</param>
    /// <param name="starts">bool (sequences, length): where it is true, the state is zero before the token.</param>
    /// <returns>The output, in the shape and type of <paramref name="input"/>, and the last state (sequences, channels, N), in the type that
    /// was computed in.</returns>
    /// <exception cref="ArgumentException">Shapes do not go together.</exception>
    public static (Tensor Output, Tensor State) Run(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState = null, Tensor? starts = null)
    {
        Check(input, timeStep, a, b, c, d, initialState, starts);
        if (input.device_type != DeviceType.CPU || input.dtype == ScalarType.Float64)
        {
            return Loop(input, timeStep, a, b, c, d, initialState, starts);
        }

        var (output, state) = FusedScan.Run(
            Plain(input), Plain(timeStep), Plain(a), Plain(b), Plain(c), d is null ? null : Plain(d), initialState is null ? null : Plain(initialState), starts?.contiguous());
        return (output.to(input.dtype), state);
    }

    /// <summary>The same as some tensor operators for each step: for devices and types that have no kernel.</summary>
    public static (Tensor Output, Tensor State) Loop(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState = null, Tensor? starts = null)
    {
        var type = input.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var (wide, rate) = (input.to(type), a.to(type));
        var steps = timeStep.to(type);
        var (stepAt, inputAt) = (steps.unsqueeze(-1).unbind(1), (steps * wide).unsqueeze(-1).unbind(1));
        var (bAt, cAt) = (b.to(type).unsqueeze(2).unbind(1), c.to(type).unsqueeze(-1).unbind(1));
        var startAt = starts?.view(starts.shape[0], starts.shape[1], 1, 1).unbind(1);
        var state = initialState?.to(type) ?? zeros([input.shape[0], input.shape[2], a.shape[1]], type, input.device);
        var outputs = new List<Tensor>(stepAt.Length);
        for (var t = 0; t < stepAt.Length; t++)
        {
            var before = startAt is null ? state : Arithmetic.Fill(state, startAt[t], 0);
            state = Arithmetic.Add((stepAt[t] * rate).exp() * before, inputAt[t] * bAt[t]);
            outputs.Add(state.matmul(cAt[t]).squeeze(-1));
        }

        var output = stack(outputs, 1);
        return ((d is null ? output : Arithmetic.Add(output, wide * d.to(type))).to(input.dtype), state);
    }

    private static Tensor Plain(Tensor tensor) => tensor.to(ScalarType.Float32).contiguous();

    private static void Check(Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState, Tensor? starts)
    {
        if (input.dim() != 3 || input.shape[1] == 0 || a.dim() != 2)
        {
            throw new ArgumentException(
                $"A selective scan takes (sequences, length of at least 1, channels) and rates (channels, N), not [{string.Join(", ", input.shape)}] and [{string.Join(", ", a.shape)}].", nameof(input));
        }

        var (sequences, length, channels, states) = (input.shape[0], input.shape[1], input.shape[2], a.shape[1]);
        Expect(timeStep, nameof(timeStep), sequences, length, channels);
        Expect(a, nameof(a), channels, states);
        Expect(b, nameof(b), sequences, length, states);
        Expect(c, nameof(c), sequences, length, states);
        Expect(d, nameof(d), channels);
        Expect(initialState, nameof(initialState), sequences, channels, states);
        Expect(starts, nameof(starts), sequences, length);
        if (starts is not null && starts.dtype != ScalarType.Bool)
        {
            throw new ArgumentException($"The starts of a selective scan are bool, not {starts.dtype}.", nameof(starts));
        }
    }

    private static void Expect(Tensor? tensor, string name, params long[] shape)
    {
        if (tensor is not null && !tensor.shape.SequenceEqual(shape))
        {
            throw new ArgumentException($"A selective scan's {name} must be [{string.Join(", ", shape)}], not [{string.Join(", ", tensor.shape)}].", name);
        }
    }
}
