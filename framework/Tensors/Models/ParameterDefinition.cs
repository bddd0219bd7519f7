namespace Pipeline.Tensors.Models;

/// <summary>A parameter before it has memory. The name does not depend on the layout: it is the same wherever the layer runs.
/// A name in several layers is one tied parameter: a copy each, one optimizer state, which the first layer's stage owns.</summary>
/// <param name="WeightDecay">Null: matrices decay; gains, biases and other vectors keep their scale.</param>
/// <param name="Update">Null: the job's optimizer.</param>
public sealed record ParameterDefinition(
    string Name, IReadOnlyList<long> Shape, Initialization Initialization, bool? WeightDecay = null, ParameterUpdate? Update = null)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    public bool Decays => WeightDecay ?? Shape.Count >= 2;

    /// <summary>The job's optimizer updates it.</summary>
    public bool IsOptimized => Update is null;

    /// <summary>No step changes it, and it needs no gradient.</summary>
    public bool IsFixed => Update == ParameterUpdate.Fixed;
}
