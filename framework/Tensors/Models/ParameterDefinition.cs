namespace Pipeline.Tensors.Models;

/// <summary>A parameter before it has memory. The name does not depend on the layout: it is the same wherever the layer runs.
/// A name in two layers is one tied parameter: two copies, one optimizer state, which the first layer's stage owns.</summary>
/// <param name="WeightDecay">Null: matrices decay; gains, biases and other vectors keep their scale.</param>
public sealed record ParameterDefinition(string Name, IReadOnlyList<long> Shape, Initialization Initialization, bool? WeightDecay = null)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    public bool Decays => WeightDecay ?? Shape.Count >= 2;
}
