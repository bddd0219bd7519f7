using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>A layer before it has memory: enough to count, cut and place it.</summary>
/// <param name="Name">Unique in the model.</param>
/// <param name="ForwardFlops">Floating-point operations of a forward pass over one sequence of full length.</param>
/// <param name="Build">Makes the layer from its parameters' values by name.</param>
public sealed record LayerDefinition(
    string Name,
    IReadOnlyList<ParameterDefinition> Parameters,
    double ForwardFlops,
    Func<IReadOnlyDictionary<string, Tensor>, Layer> Build);
