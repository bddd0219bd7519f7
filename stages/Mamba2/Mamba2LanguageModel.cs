using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), layers and names as in Hugging Face's Mamba2ForCausalLM. Initialisation is that of
/// mamba_ssm's MambaLMHeadModel: embeddings normal with deviation 0.02, output projections smaller by 1/sqrt(layers).</summary>
public sealed class Mamba2LanguageModel : IArchitecture
{
    private const string Embeddings = "backbone.embeddings.weight", FinalNorm = "backbone.norm_f.weight", Head = "lm_head.weight";

    public string Name => "mamba2";

    public Type Settings => typeof(Mamba2Settings);

    public IHuggingFaceFormat HuggingFace { get; } = new Mamba2Format();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (Mamba2Settings)settings;
        return new(
            [Embedding(mamba, vocabulary), .. Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, index)), Output(mamba, vocabulary)],
            NextTokenLoss);
    }

    /// <param name="logits">(sequences, length, vocabulary), any floating type.</param>
    /// <param name="targets">int64 (sequences, length).</param>
    /// <returns>The cross-entropy summed over all targets, in float32.</returns>
    private static torch.Tensor NextTokenLoss(torch.Tensor logits, torch.Tensor targets) =>
        torch.nn.functional.cross_entropy(
            logits.view(-1, logits.shape[^1]).to(torch.ScalarType.Float32),
            targets.view(-1),
            reduction: torch.nn.Reduction.Sum);

    private static LayerDefinition Embedding(Mamba2Settings settings, int vocabulary) => new(
        "embedding",
        [new(Embeddings, [vocabulary, settings.Width], Initialization.Normal(0.02))],
        new(0, (double)settings.Context * settings.Width),
        parameters => new ResidualEmbedding(settings, parameters[Embeddings]));

    private static LayerDefinition Block(Mamba2Settings settings, int index)
    {
        var name = $"backbone.layers.{index}";
        var mixer = Mamba2Mixer.Cost(settings.Mixer, settings.Context);
        return new(
            name,
            [new($"{name}.norm.weight", [settings.Width], Initialization.Constant(1)), .. Mamba2Mixer.Parameters(settings.Mixer, $"{name}.mixer")],
            mixer with { Activations = mixer.Activations + (2.0 * settings.Context * settings.Width) },
            parameters => new Mamba2Block(settings, name, parameters));
    }

    private static LayerDefinition Output(Mamba2Settings settings, int vocabulary)
    {
        var bound = 1 / Math.Sqrt(settings.Width);
        ParameterDefinition weight = settings.TieEmbeddings
            ? new(Embeddings, [vocabulary, settings.Width], Initialization.Normal(0.02))
            : new(Head, [vocabulary, settings.Width], Initialization.Uniform(-bound, bound));
        return new(
            "head",
            [new(FinalNorm, [settings.Width], Initialization.Constant(1)), weight],
            new(2.0 * settings.Context * settings.Width * vocabulary, (double)settings.Context * ((2.0 * settings.Width) + vocabulary)),
            parameters => new ResidualHead(settings, parameters[FinalNorm], parameters[weight.Name]));
    }
}
