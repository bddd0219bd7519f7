using Pipeline.Core.Jobs;
using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

/// <summary>An unrolled reasoner as the runtime has it: each layer with copies of its parameters, whose gradients are added up by name.</summary>
internal sealed class ReasonerModel
{
    public const int Vocabulary = 5;

    private readonly List<IReadOnlyDictionary<string, Tensor>> copies = [];
    private readonly List<Layer> layers = [];

    /// <param name="scale">Of the random parameters.</param>
    public ReasonerModel(ModelSettings settings, ScalarType type, double scale = 0.3)
    {
        Settings = settings;
        Definition = Of(settings);
        using var generator = new Generator(11);
        // Random also where a parameter starts at zero or all alike, so that a gradient that is missing is seen.
        Values = Definition.Parameters.ToDictionary(parameter => parameter.Name, parameter => randn([.. parameter.Shape], type, generator: generator) * scale, StringComparer.Ordinal);
        foreach (var layer in Definition.Layers)
        {
            var copy = layer.Parameters.ToDictionary(p => p.Name, p => Values[p.Name].clone().requires_grad_(true), StringComparer.Ordinal);
            copies.Add(copy);
            layers.Add(layer.Build(copy));
        }
    }

    public ModelSettings Settings { get; }

    public ModelDefinition Definition { get; }

    public IReadOnlyDictionary<string, Tensor> Values { get; }

    public List<Layer> Layers => layers;

    /// <summary>Of each layer, those that have one.</summary>
    public IEnumerable<(LayerDefinition Layer, IReadOnlyDictionary<string, Tensor> Gradients)> GradientsByLayer => Definition.Layers.Zip(
        copies, (layer, copy) => (layer, (IReadOnlyDictionary<string, Tensor>)copy.Where(entry => entry.Value.grad is not null).ToDictionary(entry => entry.Key, entry => entry.Value.grad!)));

    public static ModelDefinition Of(ModelSettings settings) => settings is HrmSettings
        ? new HierarchicalReasoningModel().Define(settings, Vocabulary)
        : new TinyRecursiveModel().Define(settings, Vocabulary);

    /// <summary>The loss and its backward, in parts that end before the layers of these indices as stages and segments do.</summary>
    /// <param name="splits">Weight gradients are taken out of the backward.</param>
    /// <returns>The gradients, added up by name in the order of the layers.</returns>
    public (Tensor Loss, IReadOnlyDictionary<string, Tensor> Gradients) Step(Tensor input, Tensor targets, Pass pass, bool splits, params int[] cuts)
    {
        foreach (var tensor in copies.SelectMany(copy => copy.Values))
        {
            tensor.grad = null;
        }

        using var constants = new ConstantWeights();
        using var weightGradients = new WeightGradients(constants);
        pass = splits ? pass with { WeightGradients = weightGradients } : pass;
        var parts = new Stack<(Tensor Leaf, Tensor Output)>();
        var value = input;
        foreach (var (start, end) in cuts.Prepend(0).Zip(cuts.Append(layers.Count)))
        {
            var leaf = value.is_floating_point() ? value.detach().requires_grad_(true) : value;
            value = layers[start..end].Aggregate(leaf, (stream, layer) => layer.Forward(stream, pass));
            value = end == layers.Count ? Definition.Objective.Loss(value, targets, pass) : value;
            parts.Push((leaf, value));
        }

        var gradient = ones_like(value);
        while (parts.TryPop(out var part))
        {
            part.Output.backward([gradient]);
            gradient = part.Leaf.grad!;
        }

        weightGradients.Compute();
        var sums = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, copy) in GradientsByLayer.SelectMany(layer => layer.Gradients))
        {
            sums[name] = sums.TryGetValue(name, out var sum) ? sum + copy : copy;
        }

        return (value, sums);
    }

    public Tensor Output(Tensor input, Pass pass) => layers.Aggregate(input, (stream, layer) => layer.Forward(stream, pass));

    /// <summary>A carry of three slots, whose samples have had 0, 1 and 2 passes, with states of anything.</summary>
    public Carry Carry(ScalarType type)
    {
        using var generator = new Generator(12);
        return new(randn([3L, .. Definition.Carry!.Shape], type, generator: generator).DetachFromDisposeScope(), [0, 1, 2], [7, 8, 9]);
    }
}
