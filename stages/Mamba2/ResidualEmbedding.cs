using Pipeline.Tensors.Models;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>Token ids, int64 (sequences, length), to the residual stream (sequences, length, width).</summary>
internal sealed class ResidualEmbedding(Mamba2Settings settings, torch.Tensor weight) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        pass.Embedding(weight, input).to(settings.ResidualInFp32 ? torch.ScalarType.Float32 : pass.Compute);
}
