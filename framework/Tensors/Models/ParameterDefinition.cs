namespace Pipeline.Tensors.Models;

/// <summary>A parameter before it has memory. The name does not depend on the layout: it is the same wherever the layer runs.
/// A name in two layers is one tied parameter: two copies, one optimizer state, which the first layer's stage owns.</summary>
public sealed record ParameterDefinition(string Name, IReadOnlyList<long> Shape, Initialization Initialization)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>Weight decay is for matrices only: gains, biases and other vectors keep their scale.</summary>
    public bool Decays => Shape.Count >= 2;
}
