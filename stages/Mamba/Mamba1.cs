using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Mamba;

/// <summary>Mamba (Gu and Dao 2023, arXiv:2312.00752), layers and names as in Hugging Face's MambaForCausalLM. Initialisation as in
/// state-spaces/mamba: embeddings normal with deviation 0.02, matrices uniform over 1/sqrt(inputs), those out of a block scaled by
/// 1/sqrt(layers).</summary>
public sealed class Mamba1 : IArchitecture
{
    private const string Tokens = "backbone.embeddings.weight";
    private static readonly Initialization Start = Initialization.Normal(0.02);

    public string Name => "mamba";

    public Type Settings => typeof(MambaSettings);

    public IHuggingFaceFormat HuggingFace { get; } = new MambaFormat();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (MambaSettings)settings;
        var tied = mamba.TieEmbeddings;
        return new(
            [
                TokenEmbedding.Define(Tokens, vocabulary, mamba.Width, mamba.Context, Start, mamba.ResidualInFp32),
                .. Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, $"backbone.layers.{index}")),
                LanguageModelHead.Define(
                    "backbone.norm_f.weight", mamba.NormEpsilon, tied ? Tokens : "lm_head.weight", vocabulary, mamba.Width, mamba.Context,
                    tied ? Start : Initialization.UniformByInputs(mamba.Width)),
            ],
            NextTokenLoss.Sum,
            ResidualInFloat32: mamba.ResidualInFp32);
    }

    private static LayerDefinition Block(MambaSettings settings, string name) => ResidualBlock.Define(
        name,
        settings.Width,
        settings.Context,
        settings.NormEpsilon,
        new Branch(
            $"{name}.norm.weight",
            MambaMixer.Parameters(settings.Mixer, $"{name}.mixer", 1 / Math.Sqrt(settings.Layers)),
            MambaMixer.Cost(settings.Mixer, settings.Context),
            parameters => new MambaMixer(settings.Mixer, $"{name}.mixer", parameters)));
}
