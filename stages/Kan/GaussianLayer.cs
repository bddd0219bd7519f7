using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Kan;

/// <summary>A layer of functions on edges that are sums of Gaussians (FastKAN, Li 2024, arXiv:2405.06721): output o is the sum over inputs i of
/// <c>base_linear[o,i] silu(x_i) + sum over j of spline_linear[o,(i,j)] exp(-((norm(x)_i - c_j) / h)^2)</c>. Gaussians are computed in float32, or
/// float64 where the pass computes in that.</summary>
public sealed class GaussianLayer(GaussianLayerSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : IBlockPart, IEdgeFunctions
{
    private const double Deviation = 0.1;

    private readonly Projection baseLinear = new($"{name}.base_linear", parameters);

    private readonly torch.Tensor
        baseWeight = parameters[$"{name}.base_linear.weight"],
        weight = parameters[$"{name}.spline_linear.weight"];

    private readonly torch.Tensor?
        gain = parameters.GetValueOrDefault($"{name}.layernorm.weight"),
        shift = parameters.GetValueOrDefault($"{name}.layernorm.bias");

    public int Inputs => settings.Inputs;

    public int Outputs => settings.Outputs;

    public IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [(name, this)];

    /// <param name="start">Of the Gaussians; FastKAN's own without it.</param>
    internal static KanPart Define(GaussianLayerSettings settings, string name, int context, Initialization? start = null) =>
        new([.. Parameters(settings, name, start ?? Initialization.Normal(Deviation))], Cost(settings, context), values => new GaussianLayer(settings, name, values));

    private static IEnumerable<ParameterDefinition> Parameters(GaussianLayerSettings settings, string name, Initialization start)
    {
        var (inputs, outputs) = (settings.Inputs, settings.Outputs);
        return
        [
            .. settings.HasNorm
                ? new ParameterDefinition[]
                {
                    new($"{name}.layernorm.weight", [inputs], Initialization.Constant(1)),
                    new($"{name}.layernorm.bias", [inputs], Initialization.Constant(0)),
                }
                : [],
            .. Projection.Parameters($"{name}.spline_linear", outputs, (long)inputs * settings.Gaussians, bias: false, start),
            .. Projection.Parameters($"{name}.base_linear", outputs, inputs, bias: true, Initialization.UniformByInputs(inputs)),
        ];
    }

    /// <summary>Four operations and an exponential for each Gaussian, and two matrix products. Kept: of each Gaussian what is squared and the result,
    /// silu and its input, and the norm's result.</summary>
    private static LayerCost Cost(GaussianLayerSettings settings, int context)
    {
        double inputs = (double)context * settings.Inputs, gaussians = settings.Gaussians;
        return new(inputs * ((5 * gaussians) + (2 * settings.Outputs * (gaussians + 1))), inputs * ((2 * gaussians) + (settings.HasNorm ? 3 : 2)));
    }

    /// <param name="input">(..., inputs).</param>
    /// <returns>(..., outputs).</returns>
    public torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var rows = input.reshape(-1, settings.Inputs);
        var wide = rows.to(pass.Compute == torch.ScalarType.Float64 ? torch.ScalarType.Float64 : torch.ScalarType.Float32);
        var bases = Bases(gain is null ? wide : Operator.LayerNorm(wide, gain, shift)).to(pass.Compute).flatten(1);
        var output = Arithmetic.Add(baseLinear.Forward(functional.silu(rows), pass), pass.Linear(bases, weight, null));
        return output.view([.. input.shape[..^1], settings.Outputs]);
    }

    public (double Low, double High) RangeOf(int input) => (settings.Low, settings.High);

    /// <summary>Without a norm the whole function, without the output's bias. With one the Gaussians alone, as functions of the normed input: the base
    /// sees the input as it is.</summary>
    public torch.Tensor Evaluate(int input, torch.Tensor points)
    {
        using var scope = torch.NewDisposeScope();
        var columns = Wide(weight).narrow(1, (long)input * settings.Gaussians, settings.Gaussians);
        var gaussians = Bases(points).mm(columns.t());
        return (gain is null
            ? Arithmetic.AddProduct(gaussians, functional.silu(points).unsqueeze(-1), Wide(baseWeight.narrow(1, input, 1)).t())
            : gaussians).MoveToOuterDisposeScope();

        torch.Tensor Wide(torch.Tensor tensor) => tensor.detach().to(torch.ScalarType.Float64, points.device);
    }

    /// <param name="places">(...).</param>
    /// <returns>(..., Gaussians).</returns>
    private torch.Tensor Bases(torch.Tensor places)
    {
        using var scope = torch.NewDisposeScope();
        var centers = Arithmetic.Shift(Arithmetic.Scale(Arithmetic.Range(settings.Gaussians, places.dtype, places.device), settings.Step), settings.Low);
        var offsets = Arithmetic.Scale(Arithmetic.Subtract(places.unsqueeze(-1), centers), 1 / settings.Step);
        return offsets.square().neg().exp().MoveToOuterDisposeScope();
    }
}
