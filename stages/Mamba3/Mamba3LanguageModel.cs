using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Mamba3;

/// <summary>Mamba-3 (Lahoti et al. 2026, arXiv:2603.15569): pre-norm blocks of one mixer each, with the names and the initialisation of mamba_ssm's
/// MambaLMHeadModel: embeddings normal with deviation 0.02, output projections smaller by 1/sqrt(layers). The paper's own models have a gated
/// feed-forward behind each mixer.</summary>
public sealed class Mamba3LanguageModel : IArchitecture
{
    public string Name => "mamba3";

    public Type Settings => typeof(Mamba3Settings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (Mamba3Settings)settings;
        return new LanguageModel(
            "backbone.embedding.weight", "backbone.norm_f.weight", mamba.NormEpsilon, mamba.TieEmbeddings,
            Initialization.Normal(0.02), Initialization.UniformByInputs(mamba.Width), mamba.ResidualInFp32)
            .Of(mamba, vocabulary, Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, $"backbone.layers.{index}")));
    }

    private static LayerDefinition Block(Mamba3Settings settings, string name) => ResidualBlock.Define(
        name,
        settings.Width,
        settings.Context,
        settings.NormEpsilon,
        new Branch(
            $"{name}.norm.weight",
            Mamba3Mixer.Parameters(settings.Mixer, $"{name}.mixer"),
            Mamba3Mixer.Cost(settings.Mixer, settings.Context),
            parameters => new Mamba3Mixer(settings.Mixer, $"{name}.mixer", parameters)));
}
