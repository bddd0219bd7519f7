using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Mamba;

/// <summary>Final root mean square norm and projection to the vocabulary: (sequences, length, width) to logits (sequences, length, vocabulary).</summary>
internal sealed class RmsNormHead(torch.Tensor norm, torch.Tensor weight, double epsilon) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        pass.Linear(Operator.RmsNorm(input, norm, epsilon).to(pass.Compute), weight, null);
}
