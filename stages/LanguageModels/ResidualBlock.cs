using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>A pre-norm block: x + part(norm(x)) for each of its branches, one after another; the residual stream (sequences, length, width) in and out,
/// in its own type.</summary>
public sealed class ResidualBlock(double epsilon, IReadOnlyList<(Tensor Norm, IBlockPart Part)> branches) : Layer
{
    /// <param name="name">Of the layer.</param>
    public static LayerDefinition Define(string name, int width, int context, double epsilon, params IReadOnlyList<Branch> branches) => new(
        name,
        [.. branches.SelectMany(branch => branch.Parameters.Prepend(new(branch.Norm, [width], Initialization.Constant(1))))],
        // Kept of each norm: the sum before it, the normalised value, and that with the gain.
        branches.Aggregate(new LayerCost(0, 3.0 * branches.Count * context * width), (sum, branch) => sum + branch.Cost),
        parameters => new ResidualBlock(epsilon, [.. branches.Select(branch => (parameters[branch.Norm], branch.Build(parameters)))]));

    public override IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [.. branches.SelectMany(branch => branch.Part.EdgeFunctions)];

    public override Tensor Forward(Tensor input, Pass pass) => branches.Aggregate(input, (stream, branch) => Add(stream, branch.Part, Normalized(stream, branch.Norm, pass), pass));

    public override IReadOnlyList<string> Adapt(Tensor input, Pass pass)
    {
        var changed = new List<string>();
        var stream = input;
        foreach (var (norm, part) in branches)
        {
            var normalized = Normalized(stream, norm, pass);
            changed.AddRange(part.Adapt(normalized, pass));
            stream = Add(stream, part, normalized, pass);
        }

        return changed;
    }

    private Tensor Normalized(Tensor stream, Tensor norm, Pass pass) => Operator.RmsNorm(stream, norm, epsilon).to(pass.Compute);

    private static Tensor Add(Tensor stream, IBlockPart part, Tensor normalized, Pass pass) =>
        Arithmetic.Add(stream, part.Forward(normalized, pass).to(stream.dtype));
}
