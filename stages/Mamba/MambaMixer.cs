using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Mamba;

/// <summary>Mamba's mixer of tokens (Gu and Dao 2023, arXiv:2312.00752), names and mathematics as in Hugging Face's MambaMixer: a causal
/// convolution and a selective scan between two projections, gated. In float32 whatever the pass computes in: time steps, rates, the skip
/// and the scan with its state.</summary>
internal sealed class MambaMixer(MambaMixerSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : IBlockPart
{
    private readonly Projection
        into = new($"{name}.in_proj", parameters),
        select = new($"{name}.x_proj", parameters),
        outOf = new($"{name}.out_proj", parameters);

    private readonly torch.Tensor
        convolution = parameters[$"{name}.conv1d.weight"],
        timeStep = parameters[$"{name}.dt_proj.weight"],
        timeStepBias = parameters[$"{name}.dt_proj.bias"],
        logRates = parameters[$"{name}.A_log"],
        skip = parameters[$"{name}.D"];

    private readonly torch.Tensor?
        convolutionBias = parameters.GetValueOrDefault($"{name}.conv1d.bias"),
        rankNorm = parameters.GetValueOrDefault($"{name}.dt_layernorm.weight"),
        inputNorm = parameters.GetValueOrDefault($"{name}.b_layernorm.weight"),
        outputNorm = parameters.GetValueOrDefault($"{name}.c_layernorm.weight");

    /// <summary>In generation the cache keeps <c>NAME.conv</c> (sequences, taps - 1, channels) and <c>NAME.ssm</c> (sequences, channels, N).</summary>
    /// <param name="input">(sequences, length, width), in the type that the pass computes in.</param>
    /// <returns>The same.</returns>
    public torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var (convolutionState, scanState) = ($"{name}.conv", $"{name}.ssm");
        var parts = into.Forward(input, pass).split(settings.Inner, -1);
        var (convolved, last) = Operator.CausalConvolution(
            parts[0], convolution, convolutionBias, pass.Cache?.Get(convolutionState), pass.DocumentStarts);
        var hidden = functional.silu(convolved);

        var selected = select.Forward(hidden, pass).split([settings.TimeStepRank, settings.State, settings.State], -1);
        // The time step's bias is added in float32, so its projection goes without.
        var rank = pass.Linear(Normalize(selected[0], rankNorm), timeStep, null).to(torch.ScalarType.Float32);
        var steps = Operator.Softplus(Arithmetic.Add(rank, timeStepBias.to(torch.ScalarType.Float32)));
        var rates = logRates.to(torch.ScalarType.Float32).exp().neg();
        var (output, state) = SelectiveScan.Run(
            hidden, steps, rates, Normalize(selected[1], inputNorm), Normalize(selected[2], outputNorm), skip, pass.Cache?.Get(scanState), pass.DocumentStarts);

        pass.Cache?.Set(convolutionState, last);
        pass.Cache?.Set(scanState, state);
        return outOf.Forward(output * functional.silu(parts[1]), pass);
    }

    /// <param name="outputScale">Of the projection back to the width, whose results add up in a residual stream.</param>
    public static IEnumerable<ParameterDefinition> Parameters(MambaMixerSettings settings, string name, double outputScale = 1)
    {
        var (width, inner, state, rank) = (settings.Width, settings.Inner, settings.State, settings.TimeStepRank);
        var convolution = Initialization.UniformByInputs(settings.Convolution);
        return
        [
            .. Linear("in_proj", 2 * inner, width, settings.Bias),
            new($"{name}.conv1d.weight", [inner, 1, settings.Convolution], convolution),
            .. settings.ConvolutionBias ? new[] { new ParameterDefinition($"{name}.conv1d.bias", [inner], convolution) } : [],
            .. Linear("x_proj", rank + (2 * state), inner),
            .. settings.NormalizesParameters ? new[] { Norm("dt_layernorm", rank), Norm("b_layernorm", state), Norm("c_layernorm", state) } : [],
            .. Linear("dt_proj", inner, rank),
            new($"{name}.dt_proj.bias", [inner], new TimeStepBias(), WeightDecay: false),
            new($"{name}.A_log", [inner, state], new StateRates(), WeightDecay: false),
            new($"{name}.D", [inner], Initialization.Constant(1), WeightDecay: false),
            .. Linear("out_proj", width, inner, settings.Bias, outputScale),
        ];

        IEnumerable<ParameterDefinition> Linear(string part, int outputs, int inputs, bool bias = false, double scale = 1) =>
            Projection.Parameters($"{name}.{part}", outputs, inputs, bias, Initialization.UniformByInputs(inputs, scale));

        ParameterDefinition Norm(string part, int size) => new($"{name}.{part}.weight", [size], Initialization.Constant(1));
    }

    /// <summary>A token's matrix products, and for each number of the state an exponential and four multiply-adds, each as two operations. Kept, in
    /// channels: both parts of the projection in, the convolution's input, output and activation, three of the time step's softplus, the scan's
    /// output, the activated gate, and their product; and what the scan's parameters are made of, and every 64th state.</summary>
    public static LayerCost Cost(MambaMixerSettings settings, long length)
    {
        var (width, inner, state, rank) = ((double)settings.Width, (double)settings.Inner, (double)settings.State, (double)settings.TimeStepRank);
        var matrices = (3 * width * inner) + (inner * (rank + (2 * state))) + (rank * inner);
        var scan = inner * (settings.Convolution + (5 * state));
        return new(2 * length * (matrices + scan), length * ((11 * inner) + (2 * (rank + (2 * state))) + (inner * state / 64)));
    }

    private torch.Tensor Normalize(torch.Tensor input, torch.Tensor? weight) =>
        weight is null ? input : Operator.RmsNorm(input, weight, settings.NormEpsilon);
}
