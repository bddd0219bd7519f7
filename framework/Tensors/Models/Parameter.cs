using Pipeline.Core;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>A parameter's memory on its stage's device: the value, a leaf of the autograd graph unless it is fixed, and its gradient.</summary>
public sealed class Parameter : IDisposable
{
    /// <summary>Draws the initial value from (seed, name) alone, on the CPU, so that it is the same for any layout and device.</summary>
    public Parameter(ParameterDefinition definition, long seed, ScalarType type, Device device)
    {
        Definition = definition;
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var generator = new Generator(Seeds.Derive(seed, definition.Name));
        var initial = empty([.. definition.Shape], type == ScalarType.Float64 ? type : ScalarType.Float32);
        definition.Initialization.Fill(initial, generator);
        Value = initial.to(type, device).requires_grad_(!definition.IsFixed).DetachFromDisposeScope();
    }

    /// <summary>A copy of a tied parameter that shares its memory: the value is the same, the gradient its own.</summary>
    public Parameter(ParameterDefinition definition, Parameter owner)
    {
        Definition = definition;
        using var scope = NewDisposeScope();
        Value = owner.Value.detach().requires_grad_(!definition.IsFixed).DetachFromDisposeScope();
    }

    public ParameterDefinition Definition { get; }

    public string Name => Definition.Name;

    public Tensor Value { get; }

    /// <summary>The gradient added up so far in this step; null before the first backward. The caller disposes the reference.</summary>
    public Tensor? Gradient => Value.grad;

    public void ClearGradient() => Value.grad = null;

    public void Dispose() => Value.Dispose();
}
