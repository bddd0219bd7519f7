using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Mamba2;

/// <summary>Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), layers and names as in Hugging Face's Mamba2ForCausalLM. Initialisation is that of
/// mamba_ssm's MambaLMHeadModel: embeddings normal with deviation 0.02, output projections smaller by 1/sqrt(layers).</summary>
public sealed class Mamba2LanguageModel : IArchitecture
{
    private const string Embeddings = "backbone.embeddings.weight";
    private static readonly Initialization Start = Initialization.Normal(0.02);

    public string Name => "mamba2";

    public Type Settings => typeof(Mamba2Settings);

    public IHuggingFaceFormat HuggingFace { get; } = new Mamba2Format();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (Mamba2Settings)settings;
        var tied = mamba.TieEmbeddings;
        return new(
            [
                TokenEmbedding.Define(Embeddings, vocabulary, mamba.Width, mamba.Context, Start, mamba.ResidualInFp32),
                .. Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, $"backbone.layers.{index}")),
                LanguageModelHead.Define(
                    "backbone.norm_f.weight", mamba.NormEpsilon, tied ? Embeddings : "lm_head.weight", vocabulary, mamba.Width, mamba.Context,
                    tied ? Start : Initialization.UniformByInputs(mamba.Width)),
            ],
            NextTokenLoss.Sum,
            ResidualInFloat32: mamba.ResidualInFp32);
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
