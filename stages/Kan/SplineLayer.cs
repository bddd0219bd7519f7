using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Kan;

/// <summary>A layer of B-spline functions on edges (Liu et al. 2024, arXiv:2404.19756) in the form of efficient-kan: output o is the sum over inputs i of
/// <c>base_weight[o,i] silu(x_i) + spline_scaler[o,i] sum over j of spline_weight[o,i,j] B_j(x_i)</c>, as two matrix products. Splines are computed
/// in float32, or float64 where the pass computes in that.</summary>
public sealed class SplineLayer(SplineLayerSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : IBlockPart, IEdgeFunctions
{
    /// <summary>Of the samples of an update: it keeps float64 (rows, inputs, coefficients) several times.</summary>
    private const long MostSamples = 4096;

    private readonly torch.Tensor
        baseWeight = parameters[$"{name}.base_weight"],
        weight = parameters[WeightOf(name)],
        scaler = parameters[$"{name}.spline_scaler"],
        grid = parameters[GridOf(name)];

    public int Inputs => settings.Inputs;

    public int Outputs => settings.Outputs;

    public IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [(name, this)];

    /// <param name="scale">What the functions start smaller by.</param>
    internal static KanPart Define(SplineLayerSettings settings, string name, int context, double scale = 1) =>
        new([.. Parameters(settings, name, scale)], Cost(settings, context), values => new SplineLayer(settings, name, values));

    /// <summary><c>NAME.grid</c> (inputs, G + 2k + 1) is state. Splines start as noise, small beside the base.</summary>
    private static IEnumerable<ParameterDefinition> Parameters(SplineLayerSettings settings, string name, double scale)
    {
        var (inputs, outputs) = (settings.Inputs, settings.Outputs);
        var start = Initialization.UniformByInputs(inputs, scale);
        return
        [
            new($"{name}.base_weight", [outputs, inputs], start),
            new(WeightOf(name), [outputs, inputs, settings.Coefficients], new SplineNoise(settings.Intervals, settings.Order)),
            new($"{name}.spline_scaler", [outputs, inputs], start),
            new(
                GridOf(name),
                [inputs, settings.Intervals + (2 * settings.Order) + 1],
                new EvenKnots(settings.Low, settings.High, settings.Intervals, settings.Order),
                Update: ParameterUpdate.Fixed),
        ];
    }

    /// <summary>Five operations for each number of each level of the recursion, and two matrix products. Kept: the splines, their slopes, silu and its
    /// input.</summary>
    private static LayerCost Cost(SplineLayerSettings settings, int context)
    {
        double inputs = (double)context * settings.Inputs, coefficients = settings.Coefficients;
        return new(
            inputs * ((5.0 * (settings.Order + 1) * (coefficients + settings.Order)) + (2 * settings.Outputs * (coefficients + 1))),
            inputs * ((2 * coefficients) + 2));
    }

    /// <summary>What <see cref="LayerDefinition.Grow"/> makes of the parameters of a layer with fewer intervals, of which these are a multiple: each is cut
    /// evenly, and the functions stay the same everywhere.</summary>
    public static IReadOnlyDictionary<string, torch.Tensor> Grown(
        SplineLayerSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> before)
    {
        var (weight, grid) = (before[WeightOf(name)], before[GridOf(name)]);
        var intervals = (int)grid.shape[^1] - 1 - (2 * settings.Order);
        var knots = grid.to(torch.ScalarType.Float64);
        // The knots as they will be kept, which in a narrower type are not quite those asked for.
        var refined = SplineGrid.Refined(knots, settings.Order, settings.Intervals / intervals).to(grid.dtype);
        var insertion = BSpline.Insertion(knots, refined.to(torch.ScalarType.Float64), settings.Order);
        return new Dictionary<string, torch.Tensor>(StringComparer.Ordinal)
        {
            [WeightOf(name)] = Transferred(weight, insertion),
            [GridOf(name)] = refined,
        };
    }

    /// <param name="input">(..., inputs).</param>
    /// <returns>(..., outputs).</returns>
    public torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var rows = input.reshape(-1, settings.Inputs);
        var type = pass.Compute == torch.ScalarType.Float64 ? torch.ScalarType.Float64 : torch.ScalarType.Float32;
        var bases = BSpline.Bases(rows.to(type), grid.detach().to(type), settings.Order).to(pass.Compute).flatten(1);
        var splines = Operator.Linear(bases, (weight * scaler.unsqueeze(-1)).flatten(1), null);
        var output = Arithmetic.Add(pass.Linear(functional.silu(rows), baseWeight, null), splines);
        return output.view([.. input.shape[..^1], settings.Outputs]);
    }

    /// <summary>New knots from the samples, and the coefficients whose functions are nearest to the old ones at these. The scaler has no part in it: the
    /// fit is the same for any multiple of a function. Of more than 4096 samples it takes as many at even distances.</summary>
    public IReadOnlyList<string> Adapt(torch.Tensor input, Pass pass)
    {
        using var scope = torch.NewDisposeScope();
        var rows = input.reshape(-1, settings.Inputs);
        var count = rows.shape[0];
        if (count <= settings.Intervals)
        {
            return [];
        }

        var samples = (count <= MostSamples ? rows : rows.index_select(0, Spread(count, input.device))).to(torch.ScalarType.Float64);

        var knots = grid.to(torch.ScalarType.Float64);
        var (adapted, isNew) = SplineGrid.Adapted(
            samples.sort(0).Values, knots, settings.Order, settings.EvenShare, torch.finfo(grid.dtype).eps);
        if (!isNew.any().item<bool>())
        {
            return [];
        }

        // As they will be kept.
        adapted = adapted.to(grid.dtype).to(torch.ScalarType.Float64);
        var known = torch.where(samples.isfinite(), samples, knots.narrow(1, settings.Order, 1).t());
        var transferred = Transferred(weight, SplineGrid.Transfer(known, knots, adapted, settings.Order));
        weight.copy_(torch.where(isNew, transferred, weight));
        grid.copy_(adapted);
        return [WeightOf(name)];
    }

    public (double Low, double High) RangeOf(int input)
    {
        using var scope = torch.NewDisposeScope();
        using var knots = grid.detach()[input].to(torch.ScalarType.Float64).cpu().data<double>();
        return (knots[settings.Order], knots[settings.Order + settings.Intervals]);
    }

    public torch.Tensor Evaluate(int input, torch.Tensor points)
    {
        using var scope = torch.NewDisposeScope();
        var bases = BSpline.Bases(points.unsqueeze(-1), Wide(grid.narrow(0, input, 1)), settings.Order).squeeze(1);
        var splines = Wide(weight.narrow(1, input, 1).squeeze(1)) * Wide(scaler.narrow(1, input, 1));
        var activated = functional.silu(points).unsqueeze(-1) * Wide(baseWeight.narrow(1, input, 1)).t();
        return Arithmetic.Add(activated, bases.mm(splines.t())).MoveToOuterDisposeScope();

        torch.Tensor Wide(torch.Tensor tensor) => tensor.detach().to(torch.ScalarType.Float64, points.device);
    }

    /// <returns>int64 (<see cref="MostSamples"/>): numbers below the count, at even distances.</returns>
    private static torch.Tensor Spread(long count, torch.Device device) =>
        torch.tensor([.. Enumerable.Range(0, (int)MostSamples).Select(i => i * count / MostSamples)], device: device);

    private static string WeightOf(string name) => $"{name}.spline_weight";

    private static string GridOf(string name) => $"{name}.grid";

    /// <param name="coefficients">(outputs, inputs, coefficients).</param>
    /// <param name="matrices">float64 (inputs, new coefficients, coefficients).</param>
    private static torch.Tensor Transferred(torch.Tensor coefficients, torch.Tensor matrices) =>
        coefficients.to(torch.ScalarType.Float64).transpose(0, 1).bmm(matrices.transpose(1, 2)).transpose(0, 1).contiguous().to(coefficients.dtype);
}
