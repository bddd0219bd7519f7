using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Mamba;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Mamba3;

/// <summary>The Mamba-3 mixer with one input and one output a head (Lahoti et al. 2026, arXiv:2603.15569; reference implementation and names:
/// state-spaces/mamba, <c>mamba3.py</c>): one projection to everything; B and C normed and given a bias by each head; the
/// <see cref="TrapezoidalScan"/>, which needs no convolution; a gate; a projection back. (sequences, length, width) in and out. Between the
/// projections all is float32.</summary>
/// <remarks>Unlike the reference's, the biases of B and C are not decayed, and have no dimension for the rank, which is 1.</remarks>
/// <param name="name">Of the parameters and of what the cache keeps.</param>
internal sealed class Mamba3Mixer(Mamba3MixerSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters) : IBlockPart
{
    /// <summary>No decay is slower than exp(-1e-4 dt).</summary>
    private const double LeastDecay = 1e-4;

    private readonly Projection
        into = new($"{name}.in_proj", parameters),
        outOf = new($"{name}.out_proj", parameters);

    private readonly Tensor
        timeStepBias = parameters[$"{name}.dt_bias"],
        inputBias = parameters[$"{name}.B_bias"],
        outputBias = parameters[$"{name}.C_bias"],
        inputNorm = parameters[$"{name}.B_norm.weight"],
        outputNorm = parameters[$"{name}.C_norm.weight"],
        skip = parameters[$"{name}.D"];

    private readonly Tensor? norm = parameters.GetValueOrDefault($"{name}.norm.weight");

    private readonly (string Angle, string State, string Key, string Value) kept = ($"{name}.angle", $"{name}.ssm", $"{name}.k", $"{name}.v");

    public static IEnumerable<ParameterDefinition> Parameters(Mamba3MixerSettings settings, string name)
    {
        var one = Initialization.Constant(1);
        yield return new($"{name}.in_proj.weight", [settings.ProjectionParts.Sum(), settings.Width], Initialization.UniformByInputs(settings.Width));
        yield return new($"{name}.dt_bias", [settings.Heads], new TimeStepBias(), WeightDecay: false);
        yield return new($"{name}.B_bias", [settings.Heads, settings.State], one, WeightDecay: false);
        yield return new($"{name}.C_bias", [settings.Heads, settings.State], one, WeightDecay: false);
        yield return new($"{name}.B_norm.weight", [settings.State], one);
        yield return new($"{name}.C_norm.weight", [settings.State], one);
        yield return new($"{name}.D", [settings.Heads], one, WeightDecay: false);
        if (settings.OutputNorm)
        {
            yield return new($"{name}.norm.weight", [settings.InnerWidth], one);
        }

        yield return new($"{name}.out_proj.weight", [settings.Width, settings.InnerWidth], Initialization.UniformByInputs(settings.InnerWidth, 1 / Math.Sqrt(settings.Residuals)));
    }

    /// <summary>Every head has a B and a C of its own in the scan.</summary>
    public static LayerCost Cost(Mamba3MixerSettings settings, int length)
    {
        double inner = settings.InnerWidth, chunk = Math.Min(settings.Chunk, length), projected = settings.ProjectionParts.Sum();
        double shared = (double)settings.Heads * settings.State, angles = (double)settings.Heads * settings.Pairs;
        var projections = 2 * settings.Width * (projected + inner);
        var scan = (2 * chunk * shared) + (inner * ((2 * chunk) + (4.0 * settings.State)));
        return new(
            length * (projections + scan + (12 * angles)),
            length * (settings.Width + projected + (4 * shared) + (3 * angles) + (inner * settings.State / chunk) + (6 * inner)));
    }

    public Tensor Forward(Tensor input, Pass pass)
    {
        if (pass.Cache is not { } cache)
        {
            return Run(input, pass).Output;
        }

        var before = cache.Get(kept.Angle) is { } angle
            ? new Mamba3State(angle, cache.Get(kept.State)!, cache.Get(kept.Key)!, cache.Get(kept.Value)!)
            : null;
        var (output, after) = Run(input, pass, before);
        cache.Set(kept.Angle, after.Angle);
        cache.Set(kept.State, after.State);
        cache.Set(kept.Key, after.Key);
        cache.Set(kept.Value, after.Value);
        return output;
    }

    /// <summary>With the states explicit, so that a sequence may be cut and gradients cross the cut.</summary>
    /// <param name="before">What the tokens before the first have left; nothing without it.</param>
    public (Tensor Output, Mamba3State After) Run(Tensor input, Pass pass, Mamba3State? before = null)
    {
        Tensor[] parts = [.. into.Forward(input, pass).split([.. settings.ProjectionParts], 2).Select(Wide)];
        var scanned = new TrapezoidalInput(
            X: ByHead(parts[1]),
            TimeStep: Operator.Softplus(Arithmetic.Add(parts[4], Wide(timeStepBias))),
            A: Arithmetic.Clamp(PositiveRate(parts[5]), LeastDecay, double.PositiveInfinity).neg(),
            Own: parts[6].sigmoid(),
            B: NormAndBias(parts[2], inputNorm, inputBias),
            C: NormAndBias(parts[3], outputNorm, outputBias),
            Rates: Arithmetic.Scale(parts[7].tanh(), Math.PI));
        var (output, after) = TrapezoidalScan.Run(scanned, skip, settings.Chunk, before, pass.DocumentStarts);
        var normed = norm is null ? output : Operator.RmsNorm(output, norm.view(settings.Heads, settings.HeadSize), settings.NormEpsilon);
        var gated = (normed * nn.functional.silu(ByHead(parts[0]))).flatten(2).to(input.dtype);
        return (outOf.Forward(gated, pass), after);
    }

    /// <summary>1 + x from 0 on, 1 / (1 - x) below: always positive and falling off slowly. The halves are exact, and at 0 the slope is 1 from
    /// both together.</summary>
    private static Tensor PositiveRate(Tensor x)
    {
        var size = x.abs();
        var (above, below) = (Arithmetic.Scale(Arithmetic.Add(size, x), 0.5), Arithmetic.Scale(Arithmetic.Subtract(size, x), 0.5));
        return Arithmetic.Add(above, Arithmetic.Shift(below, 1).reciprocal());
    }

    private static Tensor Wide(Tensor tensor) => tensor.to(ScalarType.Float32);

    private Tensor ByHead(Tensor tokens) => tokens.view(tokens.shape[0], tokens.shape[1], settings.Heads, settings.HeadSize);

    /// <summary>A group's norm, then each of its heads' bias: (sequences, length, heads, state).</summary>
    private Tensor NormAndBias(Tensor tokens, Tensor gain, Tensor bias)
    {
        var (sequences, length, state) = (tokens.shape[0], tokens.shape[1], settings.State);
        var normed = Operator.RmsNorm(tokens.view(sequences, length, settings.Groups, 1, state), gain, settings.NormEpsilon);
        return Arithmetic.Add(normed, Wide(bias).view(settings.Groups, -1, state)).view(sequences, length, settings.Heads, state);
    }
}
