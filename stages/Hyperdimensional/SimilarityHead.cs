using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>Final root mean square norm, and how much the outcome is like each symbol: (sequences, length, dimensions) to logits (sequences, length,
/// vocabulary), sqrt(dimensions) times the similarity, so that those of a vector that is like no symbol have a deviation of 1.</summary>
/// <param name="norm">The norm's gain.</param>
/// <param name="codebook">(vocabulary, dimensions): the symbols, which get no gradient.</param>
public sealed class SimilarityHead(Tensor norm, double epsilon, Tensor codebook) : Layer
{
    public static LayerDefinition Define(ParameterDefinition codebook, double epsilon, int context)
    {
        var (vocabulary, dimensions) = (codebook.Shape[0], codebook.Shape[1]);
        return new(
            "head",
            [new("norm.weight", [dimensions], Initialization.Constant(1)), codebook],
            new(2.0 * context * dimensions * vocabulary, (double)context * ((3.0 * dimensions) + vocabulary)),
            parameters => new SimilarityHead(parameters["norm.weight"], epsilon, parameters[codebook.Name]));
    }

    public override Tensor Forward(Tensor input, Pass pass) => Arithmetic.Scale(
        Hypervectors.Similarity(Operator.RmsNorm(input, norm, epsilon).to(pass.Compute), codebook.detach()), Math.Sqrt(codebook.shape[1]));
}
