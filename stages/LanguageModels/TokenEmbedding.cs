using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>Token embedding without positions: int64 (sequences, length) to (sequences, length, width).</summary>
public sealed class TokenEmbedding(Tensor weight) : Layer
{
    /// <param name="parameter">Its one parameter's name.</param>
    public static LayerDefinition Define(string parameter, int vocabulary, int width, int context, Initialization initialization) => new(
        "embedding",
        [new(parameter, [vocabulary, width], initialization)],
        new(0, (double)context * width),
        parameters => new TokenEmbedding(parameters[parameter]));

    public override Tensor Forward(Tensor input, Pass pass) => pass.Embedding(weight, input).to(pass.Compute);
}
