using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;

namespace Pipeline.Stages.Mamba;

/// <summary>x + mixer(norm(x)); (sequences, length, width) in and out, in the residual stream's type.</summary>
internal sealed class MambaBlock(MambaSettings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : Layer
{
    private readonly torch.Tensor norm = parameters[$"{name}.norm.weight"];
    private readonly MambaMixer mixer = new(settings.Mixer, $"{name}.mixer", parameters);

    public override torch.Tensor Forward(torch.Tensor input, Pass pass) =>
        Arithmetic.Add(input, mixer.Forward(Operator.RmsNorm(input, norm, settings.NormEpsilon).to(pass.Compute), pass));
}
