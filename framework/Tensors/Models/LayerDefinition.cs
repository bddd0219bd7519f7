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
    Func<IReadOnlyDictionary<string, Tensor>, Layer> Build)
{
    /// <summary>Its parameters are tied to other layers', which alone get their gradients: this one uses the values.</summary>
    public bool IsWithoutGradient { get; init; }

    /// <summary>Makes this layer's parameters of those of the layer whose place it takes when the model grows (<see cref="ModelDefinition.At"/>): from
    /// values by name to those that differ, on the same device and of the same type, in the caller's scope and under <c>no_grad</c>. Null: it has the same.</summary>
    public Func<IReadOnlyDictionary<string, Tensor>, IReadOnlyDictionary<string, Tensor>>? Grow { get; init; }
}

/// <summary>What a layer takes for one sequence of full length; the planner measures, and this tells what to expect.</summary>
/// <param name="ForwardFlops">Floating-point operations of a forward pass, a multiply-add as two; the backward takes twice as many.</param>
/// <param name="Activations">Elements that are kept from the forward to the backward.</param>
public readonly record struct LayerCost(double ForwardFlops, double Activations)
{
    public static LayerCost operator +(LayerCost left, LayerCost right) =>
        new(left.ForwardFlops + right.ForwardFlops, left.Activations + right.Activations);
}
