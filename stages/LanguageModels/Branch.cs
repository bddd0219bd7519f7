using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>A branch of a <see cref="ResidualBlock"/> before it has memory.</summary>
/// <param name="Norm">The name of its norm's gain.</param>
/// <param name="Parameters">Of the part.</param>
/// <param name="Cost">Of the part.</param>
public sealed record Branch(
    string Norm, IEnumerable<ParameterDefinition> Parameters, LayerCost Cost, Func<IReadOnlyDictionary<string, Tensor>, IBlockPart> Build);
