using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Jamba;

/// <summary>Jamba (Lieber et al. 2024, arXiv:2403.19887), layers and names as in Hugging Face's JambaForCausalLM. Initialisation: normal with
/// deviation 0.02, and Mamba's mixers as Mamba's; projections back to the residual stream are smaller by 1/sqrt(2 layers).</summary>
public sealed class JambaLanguageModel : IArchitecture
{
    private const double Deviation = 0.02;
    private static readonly Initialization Start = Initialization.Normal(Deviation);

    public string Name => "jamba";

    public Type Settings => typeof(JambaSettings);

    public IHuggingFaceFormat HuggingFace { get; } = new JambaFormat();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var jamba = (JambaSettings)settings;
        return new LanguageModel("model.embed_tokens.weight", "model.final_layernorm.weight", jamba.NormEpsilon, jamba.TieEmbeddings, Start, Start)
            .Of(jamba, vocabulary, Enumerable.Range(0, jamba.Layers).Select(index => ResidualBlock.Define(
                $"model.layers.{index}", jamba.Width, jamba.Context, jamba.NormEpsilon, Mixer(jamba, index), FeedForward(jamba, index))));
    }

    private static Branch Mixer(JambaSettings settings, int index)
    {
        var (layer, attention, mamba) = ($"model.layers.{index}", settings.Attention, settings.Mixer);
        var (norm, name) = ($"{layer}.input_layernorm.weight", settings.IsAttention(index) ? $"{layer}.self_attn" : $"{layer}.mamba");
        return settings.IsAttention(index)
            ? new(
                norm,
                SelfAttention.Parameters(attention, name, Start, Residual(settings)),
                SelfAttention.Cost(attention, settings.Context),
                parameters => new SelfAttention(attention, name, parameters))
            : new(
                norm,
                MambaMixer.Parameters(mamba, name, Scale(settings)),
                MambaMixer.Cost(mamba, settings.Context),
                parameters => new MambaMixer(mamba, name, parameters));
    }

    private static Branch FeedForward(JambaSettings settings, int index)
    {
        var (name, mixture) = ($"model.layers.{index}.feed_forward", settings.Mixture);
        var norm = $"model.layers.{index}.pre_ff_layernorm.weight";
        return settings.HasExperts(index)
            ? new(
                norm,
                MixtureOfExperts.Parameters(mixture, name, Start, Residual(settings)),
                MixtureOfExperts.Cost(mixture, settings.Context),
                parameters => new MixtureOfExperts(mixture, name, parameters))
            : new(
                norm,
                SwiGlu.Parameters(name, settings.Width, settings.ResolvedInner, bias: false, Start, Residual(settings)),
                SwiGlu.Cost(settings.Width, settings.ResolvedInner, settings.Context),
                parameters => new SwiGlu(name, parameters));
    }

    private static Initialization Residual(JambaSettings settings) => Initialization.Normal(Deviation * Scale(settings));

    private static double Scale(JambaSettings settings) => 1 / Math.Sqrt(2.0 * settings.Layers);
}
