using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Mamba;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>The Mamba-2 mixer (Dao and Gu 2024, arXiv:2405.21060, figure 6): one projection to gate, x, B, C and time steps; a causal
/// convolution over x, B and C; the state-space scan; a gated norm; a projection back. (sequences, length, width) in and out. Names are
/// Hugging Face's, the initial values those of mamba_ssm's Mamba2.</summary>
/// <param name="name">Of the parameters and of what the cache keeps.</param>
internal sealed class Mamba2Mixer(Mamba2MixerSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters)
    : IBlockPart
{
    private readonly Projection
        into = new($"{name}.in_proj", parameters),
        outOf = new($"{name}.out_proj", parameters);

    private readonly torch.Tensor
        convolution = parameters[$"{name}.conv1d.weight"],
        timeStepBias = parameters[$"{name}.dt_bias"],
        decayLogarithm = parameters[$"{name}.A_log"],
        skip = parameters[$"{name}.D"],
        norm = parameters[$"{name}.norm.weight"];

    private readonly torch.Tensor? convolutionBias = parameters.GetValueOrDefault($"{name}.conv1d.bias");
    private readonly (string Taps, string State) kept = ($"{name}.conv", $"{name}.ssm");

    public static IEnumerable<ParameterDefinition> Parameters(Mamba2MixerSettings settings, string name)
    {
        var (width, inner, heads, one) = (settings.Width, settings.InnerWidth, settings.Heads, Initialization.Constant(1));
        var taps = Initialization.UniformByInputs(settings.Convolution);
        return
        [
            .. Projection.Parameters(
                $"{name}.in_proj", settings.ProjectionWidth, width, settings.Bias, Initialization.UniformByInputs(width)),
            new($"{name}.conv1d.weight", [settings.ConvolutionWidth, 1, settings.Convolution], taps),
            .. settings.ConvolutionBias ? new[] { new ParameterDefinition($"{name}.conv1d.bias", [settings.ConvolutionWidth], taps) } : [],
            new($"{name}.dt_bias", [heads], new TimeStepBias(), WeightDecay: false),
            new($"{name}.A_log", [heads], new LogarithmOfUniform(1, 16), WeightDecay: false),
            new($"{name}.D", [heads], one, WeightDecay: false),
            new($"{name}.norm.weight", [inner], one),
            .. Projection.Parameters(
                $"{name}.out_proj", width, inner, settings.Bias, Initialization.UniformByInputs(inner, 1 / Math.Sqrt(settings.Residuals))),
        ];
    }

    public static LayerCost Cost(Mamba2MixerSettings settings, int length)
    {
        double inner = settings.InnerWidth, chunk = Math.Min(settings.Chunk, length);
        var projections = 2.0 * settings.Width * (settings.ProjectionWidth + inner);
        var scan = (2 * chunk * settings.SharedWidth) + (inner * ((2 * chunk) + (4.0 * settings.State)));
        return new(
            length * (projections + scan + (2.0 * settings.Convolution * settings.ConvolutionWidth)),
            length * (settings.Width + settings.ProjectionWidth + (3.0 * settings.ConvolutionWidth) + (inner * settings.State / chunk) + (6 * inner)));
    }

    public torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        if (pass.Cache is not { } cache)
        {
            return Run(input, pass).Output;
        }

        var (output, after) = Run(input, pass, cache.Get(kept.Taps) is { } taps ? new(taps, cache.Get(kept.State)!) : null);
        cache.Set(kept.Taps, after.Taps);
        cache.Set(kept.State, after.State);
        return output;
    }

    /// <summary>With the states explicit, so that a sequence may be cut and gradients cross the cut.</summary>
    /// <param name="before">What the tokens before the first have left; nothing without it.</param>
    public (torch.Tensor Output, MixerState After) Run(torch.Tensor input, Pass pass, MixerState? before = null)
    {
        var (sequences, length, inner, shared) = (input.shape[0], input.shape[1], settings.InnerWidth, settings.SharedWidth);
        var parts = into.Forward(input, pass).split([inner, settings.ConvolutionWidth, settings.Heads], 2);
        var (convolved, taps) = Operator.CausalConvolution(parts[1], convolution, convolutionBias, before?.Taps, pass.DocumentStarts);
        var mixed = torch.nn.functional.silu(convolved).split([inner, shared, shared], 2);
        var (output, state) = StateSpaceDual.Run(
            mixed[0].view(sequences, length, settings.Heads, settings.HeadSize),
            TimeStep(parts[2]),
            decayLogarithm.to(torch.ScalarType.Float32).exp().neg(),
            mixed[1].view(sequences, length, settings.Groups, settings.State),
            mixed[2].view(sequences, length, settings.Groups, settings.State),
            skip,
            settings.Chunk,
            before?.State,
            pass.DocumentStarts);
        var gated = Gate(output.view(sequences, length, inner), parts[0]);
        return (outOf.Forward(gated, pass), new(taps, state));
    }

    /// <summary>softplus(raw + bias) within the limits, in float32.</summary>
    private torch.Tensor TimeStep(torch.Tensor raw)
    {
        var biased = Arithmetic.Add(raw.to(torch.ScalarType.Float32), timeStepBias.to(torch.ScalarType.Float32));
        var step = Operator.Softplus(biased);
        return settings.TimeStepLimit is { } limit ? Arithmetic.Clamp(step, limit[0], limit.Count > 1 ? limit[1] : double.PositiveInfinity) : step;
    }

    /// <summary>RMSNorm(y silu(z)), the norm after the gate, in float32.</summary>
    private torch.Tensor Gate(torch.Tensor output, torch.Tensor gate)
    {
        var gated = output.to(torch.ScalarType.Float32) * torch.nn.functional.silu(gate.to(torch.ScalarType.Float32));
        var groups = settings.NormGroups == 1 ? gated : gated.view(output.shape[0], output.shape[1], settings.NormGroups, -1);
        return Operator.RmsNorm(groups, settings.NormGroups == 1 ? norm : norm.view(settings.NormGroups, -1), settings.NormEpsilon)
            .view(output.shape)
            .to(output.dtype);
    }
}
