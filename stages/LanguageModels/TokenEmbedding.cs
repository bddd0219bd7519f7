using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>Token embedding without positions: int64 (sequences, length) to (sequences, length, width).</summary>
/// <param name="inFloat32">The output is float32 whatever the pass computes in.</param>
public sealed class TokenEmbedding(Tensor weight, bool inFloat32) : Layer
{
    /// <param name="parameter">Its one parameter's name.</param>
    /// <param name="inFloat32">As the residual stream that it begins.</param>
    public static LayerDefinition Define(
        string parameter, int vocabulary, int width, int context, Initialization initialization, bool inFloat32 = false) => new(
        "embedding",
        [new(parameter, [vocabulary, width], initialization)],
        new(0, (double)context * width),
        parameters => new TokenEmbedding(parameters[parameter], inFloat32));

    public override Tensor Forward(Tensor input, Pass pass) => pass.Embedding(weight, input).to(inFloat32 ? ScalarType.Float32 : pass.Compute);
}
