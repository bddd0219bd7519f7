using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>What a regression is trained for: the squared distance between a sample's outputs and its targets.</summary>
public sealed class SquaredError : Objective
{
    public static readonly SquaredError Instance = new();

    /// <param name="output">(sequences, outputs), any floating type.</param>
    /// <param name="targets">Real (sequences, outputs).</param>
    /// <returns>The squared errors summed over outputs and samples, in float32; in float64 where the pass computes in that.</returns>
    public override Tensor Loss(Tensor output, Tensor targets, Pass pass)
    {
        var type = pass.Compute == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        return Arithmetic.Subtract(output.to(type), targets.to(type)).square().sum();
    }
}
