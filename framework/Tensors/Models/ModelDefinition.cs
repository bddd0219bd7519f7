namespace Pipeline.Tensors.Models;

/// <summary>A model as a list of layers that can be cut anywhere.</summary>
/// <param name="Positions">The longest sequence that a model with learned positions can take; null where positions are not learned.</param>
/// <param name="ResidualInFloat32">What layers hand to each other is float32 whatever they compute in.</param>
public sealed record ModelDefinition(
    IReadOnlyList<LayerDefinition> Layers, Objective Objective, long? Positions = null, bool ResidualInFloat32 = false)
{
    /// <summary>What its sequences carry from one pass to the next; null in a model that sees a sequence once.</summary>
    public CarryDefinition? Carry { get; init; }

    /// <summary>After which steps its layers adapt; null where none ever does.</summary>
    public Adaptation? Adaptation { get; init; }

    /// <summary>The model that takes its place after a step, with more parameters: of as many layers, with the same names and ties. Null where it
    /// stays as it is.</summary>
    public (long Step, ModelDefinition Model)? Growth
    {
        get;
        init => field = value is var (step, model) ? (step, model with { Began = step }) : null;
    }

    /// <summary>The step after which it took another model's place; 0 for the model that a run begins with.</summary>
    public long Began { get; private init; }

    /// <summary>It predicts tokens, and what it says at a place depends on the places up to it alone. No other model can write a text token by token.</summary>
    public bool IsCausal { get; init; } = true;

    /// <summary>How many real numbers go in and come out of a regression; null in a model of tokens.</summary>
    public (int Inputs, int Outputs)? Regression { get; init; }

    /// <summary>With <c>precision.compute = float64</c> all of it is computed in that; other models have parts that are float32 always.</summary>
    public bool ComputesInFloat64 { get; init; }

    /// <summary>Every parameter once, in the order of its first layer.</summary>
    public IEnumerable<ParameterDefinition> Parameters => Layers.SelectMany(layer => layer.Parameters).DistinctBy(parameter => parameter.Name);

    /// <summary>Elements that the job's optimizer updates.</summary>
    public long ParameterCount => Parameters.Where(parameter => parameter.IsOptimized).Sum(parameter => parameter.Elements);

    /// <summary>The model as it is after a step.</summary>
    public ModelDefinition At(long step) => Growth is { } growth && step >= growth.Step ? growth.Model.At(step) : this;

    public bool GrowsAfter(long step) => !ReferenceEquals(At(step), At(step - 1));

    /// <summary>Layers adapt after this step, as the model is then.</summary>
    public bool AdaptsAfter(long step) => At(step).Adaptation is { } adaptation && adaptation.IsDue(step);
}

/// <param name="Every">Steps from one to the next.</param>
/// <param name="Until">The last step after which they may.</param>
/// <param name="LeastRows">Of a micro-batch, sequences times their length: with fewer nothing adapts.</param>
public sealed record Adaptation(long Every, long Until, long LeastRows)
{
    public bool IsDue(long step) => step <= Until && step % Every == 0;

    /// <summary>After a step from one to another, both included, counted from 1.</summary>
    public bool IsDueIn(long from, long to) => Math.Min(to, Until) / Every > (from - 1) / Every;
}
