using Pipeline.Tensors.Models;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>log(U(low, high)): <c>A_log</c> of mamba_ssm's Mamba2.</summary>
internal sealed record LogarithmOfUniform(double Low, double High) : Initialization
{
    public override void Fill(torch.Tensor values, torch.Generator generator) => values.uniform_(Low, High, generator).log_();
}

/// <summary>Biases whose softplus is spread evenly on a logarithmic scale: <c>dt_bias</c> of mamba_ssm. The inverse of softplus is
/// <c>x + log(1 - exp(-x))</c>.</summary>
/// <param name="Least">Smaller ones are raised to this.</param>
internal sealed record InverseSoftplusOfLogUniform(double Low, double High, double Least) : Initialization
{
    public override void Fill(torch.Tensor values, torch.Generator generator)
    {
        values.uniform_(Math.Log(Low), Math.Log(High), generator).exp_();
        values.copy_(values.maximum(Tensors.Operators.Arithmetic.Full([], Least)));
        values.copy_(Tensors.Operators.Arithmetic.Add(values, values.neg().expm1_().neg_().log_()));
    }
}
