using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>A model as a list of layers that can be cut anywhere.</summary>
/// <param name="Loss">(output of the last layer, targets int64 (sequences, length)) to the summed loss, a scalar in float32.</param>
/// <param name="Positions">The longest sequence that a model with learned positions can take; null where positions are not learned.</param>
/// <param name="ResidualInFloat32">What layers hand to each other is float32 whatever they compute in.</param>
public sealed record ModelDefinition(
    IReadOnlyList<LayerDefinition> Layers, Func<Tensor, Tensor, Tensor> Loss, long? Positions = null, bool ResidualInFloat32 = false)
{
    /// <summary>Every parameter once, in the order of its first layer.</summary>
    public IEnumerable<ParameterDefinition> Parameters => Layers.SelectMany(layer => layer.Parameters).DistinctBy(parameter => parameter.Name);

    public long ParameterCount => Parameters.Sum(parameter => parameter.Elements);
}
