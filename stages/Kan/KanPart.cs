using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>A Kolmogorov-Arnold layer before it has memory, (..., inputs) to (..., outputs).</summary>
internal sealed record KanPart(
    IReadOnlyList<ParameterDefinition> Parameters, LayerCost Cost, Func<IReadOnlyDictionary<string, Tensor>, IBlockPart> Build);
