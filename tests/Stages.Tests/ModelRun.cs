using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests;

/// <summary>A whole model with random parameters, run without stages.</summary>
internal sealed class ModelRun
{
    private readonly IReadOnlyList<Layer> layers;

    /// <param name="gain">What the initial matrices are multiplied by: larger ones make a model whose outputs depend more on its inputs.</param>
    public ModelRun(IArchitecture architecture, ModelSettings settings, int vocabulary, float gain = 5)
    {
        var model = architecture.Define(settings, vocabulary);
        Parameters = model.Parameters.ToDictionary(
            p => p.Name,
            p => p.Shape.Count == 2 ? (new Parameter(p, 1, ScalarType.Float32, CPU).Value.detach() * gain).requires_grad_(true) : new Parameter(p, 1, ScalarType.Float32, CPU).Value,
            StringComparer.Ordinal);
        layers = [.. model.Layers.Select(layer => layer.Build(Parameters))];
    }

    public static Pass Evaluation { get; } = new(1, 1, 0, false, ScalarType.Float32);

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <returns>Logits (sequences, length, vocabulary).</returns>
    public Tensor Forward(Tensor ids, Pass? pass = null) => layers.Aggregate(ids, (value, layer) => layer.Forward(value, pass ?? Evaluation));

    public static float Distance(Tensor one, Tensor other) => (one - other).abs().max().item<float>();
}
