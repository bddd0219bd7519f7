using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>A linear map, a part of a layer: (..., inputs) to (..., outputs).</summary>
/// <param name="name">Its parameters are <c>NAME.weight</c> (outputs, inputs) and, if there is one, <c>NAME.bias</c> (outputs).</param>
public sealed class Projection(string name, IReadOnlyDictionary<string, Tensor> parameters)
{
    private readonly Tensor weight = parameters[$"{name}.weight"];
    private readonly Tensor? bias = parameters.GetValueOrDefault($"{name}.bias");

    public static IEnumerable<ParameterDefinition> Parameters(string name, long outputs, long inputs, bool bias, Initialization initialization)
    {
        yield return new($"{name}.weight", [outputs, inputs], initialization);
        if (bias)
        {
            yield return new($"{name}.bias", [outputs], Initialization.Constant(0));
        }
    }

    public Tensor Forward(Tensor input, Pass pass) => pass.Linear(input, weight, bias);
}
