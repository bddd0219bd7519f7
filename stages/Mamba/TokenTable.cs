using Pipeline.Tensors.Models;
using TorchSharp;

namespace Pipeline.Stages.Mamba;

/// <summary>Token embedding without positions: int64 (sequences, length) to (sequences, length, width).</summary>
/// <param name="single">The output is float32 whatever the pass computes in.</param>
internal sealed class TokenTable(torch.Tensor tokens, bool single) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        pass.Embedding(tokens, input).to(single ? torch.ScalarType.Float32 : pass.Compute);
}
