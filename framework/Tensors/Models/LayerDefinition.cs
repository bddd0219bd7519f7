using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>A layer before it has memory: enough to count, cut and place it.</summary>
/// <param name="Name">Unique in the model.</param>
/// <param name="Cost">Of one sequence of full length.</param>
/// <param name="Build">Makes the layer from its parameters' values by name.</param>
public sealed record LayerDefinition(
    string Name,
    IReadOnlyList<ParameterDefinition> Parameters,
    LayerCost Cost,
    Func<IReadOnlyDictionary<string, Tensor>, Layer> Build);

/// <summary>What a layer takes for one sequence of full length; the planner measures, and this tells what to expect.</summary>
/// <param name="ForwardFlops">Floating-point operations of a forward pass, a multiply-add as two; the backward takes twice as many.</param>
/// <param name="Activations">Elements that are kept from the forward to the backward.</param>
public readonly record struct LayerCost(double ForwardFlops, double Activations)
{
    public static LayerCost operator +(LayerCost left, LayerCost right) =>
        new(left.ForwardFlops + right.ForwardFlops, left.Activations + right.Activations);
}
