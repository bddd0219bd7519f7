using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>A stage's layers with the memory of their parameters: those that the stage owns, and copies of tied ones.</summary>
internal sealed class StageParameters : IDisposable
{
    private readonly List<Parameter> owned = [];
    private readonly List<IReadOnlyList<Parameter>> ownedByLayer = [];
    private readonly List<Layer> layers = [];
    private readonly SortedDictionary<int, Parameter> copies = [];   // by index
    private readonly Dictionary<string, Parameter> memory = new(StringComparer.Ordinal);   // the first of each name here
    private readonly Device device;

    public StageParameters(Partition partition, int stage, long seed, ScalarType type, Device device)
    {
        this.device = device;
        var (start, count) = partition.Cuts[stage].GetOffsetAndLength(partition.Model.Layers.Count);
        var tied = partition.TiedCopies.Where(copy => copy.Stage == stage).ToLookup(copy => copy.Layer);
        foreach (var index in Enumerable.Range(start, count))
        {
            var mine = new List<Parameter>();
            var values = new Dictionary<string, Tensor>(StringComparer.Ordinal);
            foreach (var definition in partition.Model.Layers[index].Parameters)
            {
                var copy = tied[index].FirstOrDefault(copy => copy.Parameter == definition);
                var parameter = copy is { SharesMemory: true } ? new Parameter(definition, memory[definition.Name]) : new(definition, seed, type, device);
                memory.TryAdd(definition.Name, parameter);
                values.Add(definition.Name, parameter.Value);
                if (copy is not null)
                {
                    copies.Add(copy.Index, parameter);
                }
                else
                {
                    mine.Add(parameter);
                }
            }

            owned.AddRange(mine);
            ownedByLayer.Add(mine);
            layers.Add(partition.Model.Layers[index].Build(values));
        }
    }

    public IReadOnlyList<Layer> Layers => layers;

    /// <summary>Each has its optimizer's state on this stage.</summary>
    public IReadOnlyList<Parameter> Owned => owned;

    public IReadOnlyList<IReadOnlyList<Parameter>> OwnedByLayer => ownedByLayer;

    /// <summary>Of tied parameters that other stages own, one of each name.</summary>
    public IReadOnlyList<Parameter> Copies => [.. memory.Values.Except(owned)];

    /// <summary>One of each name: all memory there is.</summary>
    public IReadOnlyDictionary<string, Parameter> Memory => memory;

    /// <summary>The gradient of a copy, which has none afterwards.</summary>
    public Tensor TakeGradient(TiedCopy copy)
    {
        var gradient = GradientOf(copies[copy.Index]);
        copies[copy.Index].ClearGradient();
        return gradient;
    }

    /// <summary>Adds a copy's gradient to that of the parameter owned here.</summary>
    public void AddGradient(TiedCopy copy, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var owner = memory[copy.Parameter.Name];
        var added = Take(copy, gradient, "gradient");
        if (owner.Gradient is { } sum)
        {
            Arithmetic.AddTo(sum, added);
        }
        else
        {
            owner.Value.grad = added;   // no layer before this copy's gives it one
        }
    }

    /// <summary>A copy of the value owned here.</summary>
    public Tensor ValueFor(TiedCopy copy)
    {
        using var noGradient = no_grad();
        return memory[copy.Parameter.Name].Value.clone();
    }

    public void SetValue(TiedCopy copy, Tensor value)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        copies[copy.Index].Value.copy_(Take(copy, value, "value"));
    }

    public void ClearGradients()
    {
        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.ClearGradient();
        }
    }

    public void Dispose()
    {
        ClearGradients();
        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.Dispose();
        }
    }

    /// <exception cref="InvalidOperationException">No backward reached it.</exception>
    public static Tensor GradientOf(Parameter parameter) =>
        parameter.Gradient ?? throw new InvalidOperationException($"no gradient reached the parameter {parameter.Name}");

    private Tensor Take(TiedCopy copy, Tensor handed, string what)
    {
        var mine = memory[copy.Parameter.Name];
        return HandOverContract.Take($"the {what} of tied copy {copy.Index}", handed, mine.Value.dtype, mine.Definition.Shape, device);
    }
}
