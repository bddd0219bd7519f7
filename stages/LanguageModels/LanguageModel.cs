using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.LanguageModels;

/// <summary>A model of blocks between a token embedding without positions and a head with a root mean square norm.</summary>
/// <param name="Embedding">The name of the embedding's weight.</param>
/// <param name="Norm">The name of the final norm's gain.</param>
/// <param name="Epsilon">Of the final norm.</param>
/// <param name="TieEmbeddings">The head uses the embedding's weight; else it has <c>lm_head.weight</c>.</param>
/// <param name="Start">Of the embedding.</param>
/// <param name="HeadStart">Of a head of its own.</param>
/// <param name="ResidualInFloat32">The residual stream is float32 whatever the blocks compute in.</param>
internal sealed record LanguageModel(
    string Embedding, string Norm, double Epsilon, bool TieEmbeddings, Initialization Start, Initialization HeadStart, bool ResidualInFloat32 = false)
{
    public ModelDefinition Of(ModelSettings settings, int vocabulary, IEnumerable<LayerDefinition> blocks) => new(
        [
            TokenEmbedding.Define(Embedding, vocabulary, settings.Width, settings.Context, Start, ResidualInFloat32),
            .. blocks,
            LanguageModelHead.Define(
                Norm, Epsilon, TieEmbeddings ? Embedding : "lm_head.weight", vocabulary, settings.Width, settings.Context, TieEmbeddings ? Start : HeadStart),
        ],
        TokenPrediction.Instance,
        ResidualInFloat32: ResidualInFloat32);
}
