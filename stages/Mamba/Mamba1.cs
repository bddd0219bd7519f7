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
    public string Name => "mamba";

    public Type Settings => typeof(MambaSettings);

    public IHuggingFaceFormat HuggingFace { get; } = new MambaFormat();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (MambaSettings)settings;
        return new LanguageModel(
            "backbone.embeddings.weight", "backbone.norm_f.weight", mamba.NormEpsilon, mamba.TieEmbeddings,
            Initialization.Normal(0.02), Initialization.UniformByInputs(mamba.Width), mamba.ResidualInFp32)
            .Of(mamba, vocabulary, Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, $"backbone.layers.{index}")));
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
