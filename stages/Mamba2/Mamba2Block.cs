using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>x + mixer(norm(x)): the residual stream (sequences, length, width) in and out, in its own type.</summary>
internal sealed class Mamba2Block(Mamba2Settings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : Layer
{
    private readonly torch.Tensor norm = parameters[$"{name}.norm.weight"];
    private readonly Mamba2Mixer mixer = new(settings.Mixer, $"{name}.mixer", parameters);

    public override torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var mixed = mixer.Forward(Operator.RmsNorm(input, norm, settings.NormEpsilon).to(pass.Compute), pass);
        return Arithmetic.Add(input, mixed.to(input.dtype));
    }
}
