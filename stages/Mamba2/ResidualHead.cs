using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>Final norm and projection to the vocabulary: the residual stream (sequences, length, width) to logits.</summary>
internal sealed class ResidualHead(Mamba2Settings settings, torch.Tensor norm, torch.Tensor weight) : Layer
{
    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        pass.Linear(Operator.RmsNorm(input, norm, settings.NormEpsilon).to(pass.Compute), weight, null);
}
