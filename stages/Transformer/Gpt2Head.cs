using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Transformer;

/// <summary>Final norm and projection to the vocabulary: (sequences, length, width) to logits (sequences, length, vocabulary).</summary>
internal sealed class Gpt2Head(torch.Tensor norm, torch.Tensor? normBias, torch.Tensor weight) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        pass.Linear(Operator.LayerNorm(input, norm, normBias), weight, null);
}
