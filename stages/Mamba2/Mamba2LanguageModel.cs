using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Mamba2;

/// <summary>Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), layers and names as in Hugging Face's Mamba2ForCausalLM. Initialisation is that of
/// mamba_ssm's MambaLMHeadModel: embeddings normal with deviation 0.02, output projections smaller by 1/sqrt(layers).</summary>
public sealed class Mamba2LanguageModel : IArchitecture
{
    public string Name => "mamba2";

    public Type Settings => typeof(Mamba2Settings);

    public IHuggingFaceFormat HuggingFace { get; } = new Mamba2Format();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (Mamba2Settings)settings;
        return new LanguageModel(
            "backbone.embeddings.weight", "backbone.norm_f.weight", mamba.NormEpsilon, mamba.TieEmbeddings,
            Initialization.Normal(0.02), Initialization.UniformByInputs(mamba.Width), mamba.ResidualInFp32)
            .Of(mamba, vocabulary, Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, $"backbone.layers.{index}")));
    }

    private static LayerDefinition Block(Mamba2Settings settings, string name) => ResidualBlock.Define(
        name,
        settings.Width,
        settings.Context,
        settings.NormEpsilon,
        new Branch(
            $"{name}.norm.weight",
            Mamba2Mixer.Parameters(settings.Mixer, $"{name}.mixer"),
            Mamba2Mixer.Cost(settings.Mixer, settings.Context),
            parameters => new Mamba2Mixer(settings.Mixer, $"{name}.mixer", parameters)));
}
