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
    private readonly (torch.Tensor Weight, torch.Tensor? Bias)
        into = Pair(parameters, $"{name}.in_proj"),
        convolution = Pair(parameters, $"{name}.conv1d"),
        select = Pair(parameters, $"{name}.x_proj"),
        timeStep = Pair(parameters, $"{name}.dt_proj"),
        outOf = Pair(parameters, $"{name}.out_proj");

    private readonly torch.Tensor logRates = parameters[$"{name}.A_log"], skip = parameters[$"{name}.D"];
    private readonly torch.Tensor?
        rankNorm = parameters.GetValueOrDefault($"{name}.dt_layernorm.weight"),
        inputNorm = parameters.GetValueOrDefault($"{name}.b_layernorm.weight"),
        outputNorm = parameters.GetValueOrDefault($"{name}.c_layernorm.weight");

    /// <summary>In generation the cache keeps <c>NAME.conv</c> (sequences, taps - 1, channels) and <c>NAME.ssm</c> (sequences, channels, N).</summary>
    /// <param name="input">(sequences, length, width), in the type that the pass computes in.</param>
    /// <returns>The same.</returns>
    public torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var (convolutionState, scanState) = ($"{name}.conv", $"{name}.ssm");
        var parts = pass.Linear(input, into.Weight, into.Bias).split(settings.Inner, -1);
        var (convolved, last) = Operator.CausalConvolution(
            parts[0], convolution.Weight, convolution.Bias, pass.Cache?.Get(convolutionState), pass.DocumentStarts);
        var hidden = functional.silu(convolved);

        var selected = pass.Linear(hidden, select.Weight, select.Bias).split([settings.TimeStepRank, settings.State, settings.State], -1);
        var rank = pass.Linear(Normalize(selected[0], rankNorm), timeStep.Weight, null).to(torch.ScalarType.Float32);
        var steps = Operator.Softplus(Arithmetic.Add(rank, timeStep.Bias!.to(torch.ScalarType.Float32)));
        var rates = logRates.to(torch.ScalarType.Float32).exp().neg();
        var (output, state) = SelectiveScan.Run(
            hidden, steps, rates, Normalize(selected[1], inputNorm), Normalize(selected[2], outputNorm), skip, pass.Cache?.Get(scanState), pass.DocumentStarts);

        pass.Cache?.Set(convolutionState, last);
        pass.Cache?.Set(scanState, state);
        return pass.Linear(output * functional.silu(parts[1]), outOf.Weight, outOf.Bias);
    }

    /// <param name="outputScale">Of the projection back to the width, whose results add up in a residual stream.</param>
    public static IEnumerable<ParameterDefinition> Parameters(MambaMixerSettings settings, string name, double outputScale = 1)
    {
        var (width, inner, state, rank) = (settings.Width, settings.Inner, settings.State, settings.TimeStepRank);
        var convolution = Initialization.Uniform(-1 / Math.Sqrt(settings.Convolution), 1 / Math.Sqrt(settings.Convolution));
        return
        [
            Matrix("in_proj", 2 * inner, width),
            .. Bias("in_proj", 2 * inner),
            new($"{name}.conv1d.weight", [inner, 1, settings.Convolution], convolution),
            .. settings.ConvolutionBias ? new[] { new ParameterDefinition($"{name}.conv1d.bias", [inner], convolution) } : [],
            Matrix("x_proj", rank + (2 * state), inner),
            .. settings.NormalizesParameters ? new[] { Norm("dt_layernorm", rank), Norm("b_layernorm", state), Norm("c_layernorm", state) } : [],
            Matrix("dt_proj", inner, rank),
            new($"{name}.dt_proj.bias", [inner], new TimeStepBias(), WeightDecay: false),
            new($"{name}.A_log", [inner, state], new StateRates(), WeightDecay: false),
            new($"{name}.D", [inner], Initialization.Constant(1), WeightDecay: false),
            Matrix("out_proj", width, inner, outputScale),
            .. Bias("out_proj", width),
        ];

        ParameterDefinition Matrix(string part, int outputs, int inputs, double scale = 1) => new(
            $"{name}.{part}.weight", [outputs, inputs], Initialization.Uniform(-scale / Math.Sqrt(inputs), scale / Math.Sqrt(inputs)));

        ParameterDefinition Norm(string part, int size) => new($"{name}.{part}.weight", [size], Initialization.Constant(1));

        IEnumerable<ParameterDefinition> Bias(string part, int size) =>
            settings.Bias ? [new($"{name}.{part}.bias", [size], Initialization.Constant(0))] : [];
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

    private static (torch.Tensor, torch.Tensor?) Pair(IReadOnlyDictionary<string, torch.Tensor> parameters, string name) =>
        (parameters[$"{name}.weight"], parameters.GetValueOrDefault($"{name}.bias"));
}
