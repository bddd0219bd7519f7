using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Transformer;

/// <summary>Token plus learned position embedding: int64 (sequences, length) to (sequences, length, width).</summary>
internal sealed class TokenEmbedding(Gpt2Settings settings, torch.Tensor tokens, torch.Tensor positions) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var length = input.shape[^1];
        var position = length == settings.Context ? positions : positions.narrow(0, 0, length);
        var embedded = Arithmetic.Add(pass.Embedding(tokens, input), position).to(pass.Compute);
        return pass.Dropout(embedded, settings.Dropout, "embedding");
    }
}
