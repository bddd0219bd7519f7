using Pipeline.Tensors.Models;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>log(U(low, high)): <c>A_log</c> of mamba_ssm's Mamba2.</summary>
internal sealed record LogarithmOfUniform(double Low, double High) : Initialization
{
    public override void Fill(torch.Tensor values, torch.Generator generator) => values.uniform_(Low, High, generator).log_();
}
