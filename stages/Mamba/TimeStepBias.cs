using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Mamba;

/// <summary>What softplus makes a time step of whose logarithm is uniform, as in all generations of state-spaces/mamba (dt_min, dt_max,
/// dt_init_floor).</summary>
/// <param name="Floor">Smaller time steps are raised to this.</param>
internal sealed record TimeStepBias(double Smallest = 1e-3, double Largest = 0.1, double Floor = 1e-4) : Initialization
{
    /// <summary>The inverse of softplus is s + log(1 - e^-s).</summary>
    public override void Fill(Tensor values, Generator generator)
    {
        var step = values.uniform_(Math.Log(Smallest), Math.Log(Largest), generator).exp().maximum(Arithmetic.Full([], Floor));
        values.copy_(Arithmetic.Add(step, step.neg().expm1().neg().log()));
    }
}
