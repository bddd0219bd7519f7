using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using TorchSharp;

namespace Pipeline.Stages.Mamba;

/// <summary>Mamba (Gu and Dao 2023, arXiv:2312.00752), layers and names as in Hugging Face's MambaForCausalLM. Initialisation as in
/// state-spaces/mamba: embeddings normal with deviation 0.02, matrices uniform over 1/sqrt(inputs), those out of a block scaled by
/// 1/sqrt(layers).</summary>
public sealed class Mamba1 : IArchitecture
{
    private const string Tokens = "backbone.embeddings.weight";

    public string Name => "mamba";

    public Type Settings => typeof(MambaSettings);

    public IHuggingFaceFormat HuggingFace { get; } = new MambaFormat();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var mamba = (MambaSettings)settings;
        return new(
            [Embedding(mamba, vocabulary), .. Enumerable.Range(0, mamba.Layers).Select(index => Block(mamba, index)), Head(mamba, vocabulary)],
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

    private static LayerDefinition Embedding(MambaSettings settings, int vocabulary) => new(
        "embedding",
        [new(Tokens, [vocabulary, settings.Width], Initialization.Normal(0.02))],
        new((double)settings.Context * settings.Width, (double)settings.Context * settings.Width),
        parameters => new TokenTable(parameters[Tokens], settings.ResidualInFp32));

    private static LayerDefinition Block(MambaSettings settings, int index)
    {
        var name = $"backbone.layers.{index}";
        var mixer = MambaMixer.Cost(settings.Mixer, settings.Context);
        var elements = (double)settings.Context * settings.Width;
        return new(
            name,
            [Gain($"{name}.norm.weight", settings), .. MambaMixer.Parameters(settings.Mixer, $"{name}.mixer", 1 / Math.Sqrt(settings.Layers))],
            new(mixer.ForwardFlops + (5 * elements), mixer.Activations + (2 * elements)),
            parameters => new MambaBlock(settings, name, parameters));
    }

    private static LayerDefinition Head(MambaSettings settings, int vocabulary)
    {
        const string norm = "backbone.norm_f.weight";
        var (weight, bound) = (settings.TieEmbeddings ? Tokens : "lm_head.weight", 1 / Math.Sqrt(settings.Width));
        return new(
            "head",
            [
                Gain(norm, settings),
                new(weight, [vocabulary, settings.Width], settings.TieEmbeddings ? Initialization.Normal(0.02) : Initialization.Uniform(-bound, bound)),
            ],
            new(2.0 * settings.Context * settings.Width * vocabulary, (double)settings.Context * ((3.0 * settings.Width) + vocabulary)),
            parameters => new RmsNormHead(parameters[norm], parameters[weight], settings.NormEpsilon));
    }

    private static ParameterDefinition Gain(string name, MambaSettings settings) => new(name, [settings.Width], Initialization.Constant(1));
}
