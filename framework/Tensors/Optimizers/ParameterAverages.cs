using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>Exponential moving averages of parameters, <c>average = decay average + (1 - decay) value</c> after each step, that begin at the
/// parameters' values (as in TRM's training). In the parameters' type, but float32 beside bfloat16, whose digits are too few for the small differences.
/// </summary>
public sealed class ParameterAverages : IDisposable
{
    private readonly double decay;
    private readonly Dictionary<Parameter, Tensor> averages;
    private readonly Dictionary<Parameter, Tensor> aside = [];   // own values, while the averages are in their place

    public ParameterAverages(IEnumerable<Parameter> parameters, double decay)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        this.decay = decay;
        averages = parameters.ToDictionary(parameter => parameter, parameter => Copy(parameter.Value, Of(parameter.Value.dtype)));
    }

    /// <summary>The type of the averages of parameters of a type.</summary>
    public static ScalarType Of(ScalarType type) => type == ScalarType.BFloat16 ? ScalarType.Float32 : type;

    /// <summary>Null where the parameter has none.</summary>
    public Tensor? this[Parameter parameter] => averages.GetValueOrDefault(parameter);

    /// <summary>The parameter has its value of the next step.</summary>
    public void Follow(Parameter parameter)
    {
        if (this[parameter] is { } average)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            Arithmetic.AddScaledTo(Arithmetic.ScaleInPlace(average, decay), parameter.Value.detach().to(average.dtype), 1 - decay);
        }
    }

    /// <summary>The parameter's value has another meaning now: its average begins there.</summary>
    public void Restart(Parameter parameter)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        this[parameter]?.copy_(parameter.Value);
    }

    /// <summary>Puts the averages in place of the parameters' values.</summary>
    /// <returns>False where they are there already.</returns>
    public bool SwapIn()
    {
        if (aside.Count > 0)
        {
            return false;
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (parameter, average) in averages)
        {
            aside.Add(parameter, Copy(parameter.Value, parameter.Value.dtype));
            parameter.Value.copy_(average);
        }

        return averages.Count > 0;
    }

    /// <summary>Gives the parameters their own values back.</summary>
    /// <returns>False where they have them already.</returns>
    public bool SwapOut()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (parameter, value) in aside)
        {
            parameter.Value.copy_(value);
            value.Dispose();
        }

        var swapped = aside.Count > 0;
        aside.Clear();
        return swapped;
    }

    public void Dispose()
    {
        foreach (var tensor in averages.Values.Concat(aside.Values))
        {
            tensor.Dispose();
        }
    }

    private static Tensor Copy(Tensor value, ScalarType type) => value.detach().to(type, copy: true).DetachFromDisposeScope();
}
