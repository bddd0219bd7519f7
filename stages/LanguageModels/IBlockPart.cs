using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>What a block computes beside its residual stream: a mixer of tokens, or a feed-forward.</summary>
public interface IBlockPart
{
    /// <param name="input">(sequences, length, width), in the type that the pass computes in.</param>
    /// <returns>The same.</returns>
    Tensor Forward(Tensor input, Pass pass);

    /// <summary>As <see cref="Layer.Adapt"/>.</summary>
    IReadOnlyList<string> Adapt(Tensor input, Pass pass) => [];

    /// <summary>As <see cref="Layer.EdgeFunctions"/>.</summary>
    IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [];
}
