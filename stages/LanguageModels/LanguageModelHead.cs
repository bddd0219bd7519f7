using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>Final root mean square norm and projection to the vocabulary: (sequences, length, width) to logits (sequences, length, vocabulary).</summary>
public sealed class LanguageModelHead(Tensor norm, double epsilon, Tensor weight) : Layer
{
    /// <param name="norm">The name of the norm's gain.</param>
    /// <param name="weight">The name of the projection's weight: the embedding's for a tied head.</param>
    public static LayerDefinition Define(
        string norm, double epsilon, string weight, int vocabulary, int width, int context, Initialization initialization) => new(
            "head",
            [new(norm, [width], Initialization.Constant(1)), new(weight, [vocabulary, width], initialization)],
            // Kept of the norm: the sum before it, the normalised value, and that with the gain; and the probabilities.
            new(2.0 * context * width * vocabulary, (double)context * ((3.0 * width) + vocabulary)),
            parameters => new LanguageModelHead(parameters[norm], epsilon, parameters[weight]));

    public override Tensor Forward(Tensor input, Pass pass) => pass.Linear(Operator.RmsNorm(input, norm, epsilon).to(pass.Compute), weight, null);
}
