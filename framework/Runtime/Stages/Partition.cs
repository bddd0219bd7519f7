using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Stages;

/// <summary>A model cut into stages.</summary>
public sealed class Partition
{
    public Partition(ModelDefinition model, IReadOnlyList<Range> cuts)
    {
        Model = model;
        Cuts = cuts;
        var owners = new Dictionary<string, int>(StringComparer.Ordinal);
        var held = new HashSet<(string Name, int Stage)>();
        var copies = new List<TiedCopy>();
        for (var layer = 0; layer < model.Layers.Count; layer++)
        {
            var stage = StageOf(layer);
            foreach (var parameter in model.Layers[layer].Parameters)
            {
                var isFirstHere = held.Add((parameter.Name, stage));
                if (!owners.TryAdd(parameter.Name, stage))
                {
                    copies.Add(new(copies.Count, parameter, layer, stage, owners[parameter.Name])
                    {
                        SharesMemory = !isFirstHere,
                        HasGradient = !model.Layers[layer].IsWithoutGradient && !parameter.IsFixed,
                    });
                }
            }
        }

        TiedCopies = copies;
    }

    public ModelDefinition Model { get; }

    /// <summary>For each stage the range of its layers.</summary>
    public IReadOnlyList<Range> Cuts { get; }

    public int Stages => Cuts.Count;

    /// <summary>Every further occurrence of a parameter that an earlier layer has, in layer order.</summary>
    public IReadOnlyList<TiedCopy> TiedCopies { get; }

    private int StageOf(int layer) => Enumerable.Range(0, Cuts.Count).First(stage => layer < Cuts[stage].End.Value);
}

/// <summary>A copy of a tied parameter. It always has a gradient of its own, also on the owner's stage, so that the result does not depend on
/// the cut: gradients are summed in the order of <paramref name="Index"/> after the owner's own.</summary>
/// <param name="Index">Position among all copies of the model.</param>
/// <param name="Stage">Where the copy is.</param>
/// <param name="Owner">The stage of the first occurrence, which has the optimizer's state.</param>
public sealed record TiedCopy(int Index, ParameterDefinition Parameter, int Layer, int Stage, int Owner)
{
    /// <summary>An earlier layer of the same stage has the parameter: the value is the same memory.</summary>
    public bool SharesMemory { get; init; }

    /// <summary>Its layer gives it a gradient.</summary>
    public bool HasGradient { get; init; }
}
