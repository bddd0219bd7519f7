using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Transformer;

/// <summary>Llama (Touvron et al. 2023), layers and names as in Hugging Face's LlamaForCausalLM. Initialisation: normal with deviation 0.02,
/// residual projections scaled by 1/sqrt(2 layers).</summary>
public sealed class Llama : IArchitecture
{
    private const double Deviation = 0.02;
    private static readonly Initialization Start = Initialization.Normal(Deviation);

    public string Name => "llama";

    public Type Settings => typeof(LlamaSettings);

    public IHuggingFaceFormat HuggingFace { get; } = new LlamaFormat();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var llama = (LlamaSettings)settings;
        return new LanguageModel("model.embed_tokens.weight", "model.norm.weight", llama.NormEpsilon, llama.TieEmbeddings, Start, Start)
            .Of(llama, vocabulary, Enumerable.Range(0, llama.Layers).Select(index => Block(llama, $"model.layers.{index}")));
    }

    private static LayerDefinition Block(LlamaSettings settings, string name)
    {
        var residual = Initialization.Normal(Deviation / Math.Sqrt(2.0 * settings.Layers));
        return ResidualBlock.Define(
            name,
            settings.Width,
            settings.Context,
            settings.NormEpsilon,
            new Branch(
                $"{name}.input_layernorm.weight",
                SelfAttention.Parameters(settings.Attention, $"{name}.self_attn", Start, residual),
                SelfAttention.Cost(settings.Attention, settings.Context),
                parameters => new SelfAttention(settings.Attention, $"{name}.self_attn", parameters)),
            new Branch(
                $"{name}.post_attention_layernorm.weight",
                SwiGlu.Parameters($"{name}.mlp", settings.Width, settings.ResolvedInner, settings.FeedForwardBias, Start, residual),
                SwiGlu.Cost(settings.Width, settings.ResolvedInner, settings.Context),
                parameters => new SwiGlu($"{name}.mlp", parameters)));
    }
}
