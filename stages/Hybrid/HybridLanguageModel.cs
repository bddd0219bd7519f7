using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Mamba2;
using Pipeline.Stages.TokenReduction;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Hybrid;

/// <summary>Layers in the order of a pattern, x + part(norm(x)) each; names as in Nemotron-H. Initialisation: normal with deviation 0.02, and
/// Mamba's mixers as Mamba's; projections back to the residual stream are smaller by 1/sqrt(layers). A border in the pattern changes no name,
/// so that no result depends on it.</summary>
public sealed class HybridLanguageModel : IArchitecture
{
    private const double Deviation = 0.02;
    private static readonly Initialization Start = Initialization.Normal(Deviation);

    public string Name => "hybrid";

    public Type Settings => typeof(HybridSettings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var hybrid = (HybridSettings)settings;
        var model = new LanguageModel(
            "backbone.embeddings.weight", "backbone.norm_f.weight", hybrid.NormEpsilon, hybrid.TieEmbeddings, Start, Start, hybrid.ResidualInFp32)
            .Of(hybrid, vocabulary, HybridPattern.Layers(hybrid.Pattern).Select((letter, index) => ResidualBlock.Define(
                $"backbone.layers.{index}", hybrid.Width, hybrid.Context, hybrid.NormEpsilon, Part(hybrid, letter, $"backbone.layers.{index}"))));
        return model with { IsCausal = hybrid.Causal };
    }

    private static Branch Part(HybridSettings settings, char letter, string layer)
    {
        var (norm, name, context) = ($"{layer}.norm.weight", $"{layer}.mixer", settings.Context);
        var scale = 1 / Math.Sqrt(settings.Layers);
        var residual = Initialization.Normal(Deviation * scale);
        switch (letter)
        {
            case HybridPattern.Mamba2:
                var mamba2 = settings.Mamba2;
                return new(norm, Mamba2Mixer.Parameters(mamba2, name), Mamba2Mixer.Cost(mamba2, context), values => new Mamba2Mixer(mamba2, name, values));
            case HybridPattern.Mamba1:
                var mamba1 = settings.Mamba1;
                return new(norm, MambaMixer.Parameters(mamba1, name, scale), MambaMixer.Cost(mamba1, context), values => new MambaMixer(mamba1, name, values));
            case HybridPattern.Attention:
                var attention = settings.Attention;
                return new(
                    norm,
                    SelfAttention.Parameters(attention, name, Start, residual),
                    SelfAttention.Cost(attention, context),
                    values => new SelfAttention(attention, name, values));
            case HybridPattern.ReducedAttention:
                var (reduced, share) = (settings.Attention, settings.Reduction);
                return new(
                    norm,
                    SelfAttention.Parameters(reduced, name, Start, residual),
                    ReducedAttention.Cost(reduced, share, context),
                    values => new ReducedAttention(reduced, share, name, values));
            case HybridPattern.Experts:
                var mixture = settings.Mixture;
                return new(
                    norm,
                    MixtureOfExperts.Parameters(mixture, name, Start, residual),
                    MixtureOfExperts.Cost(mixture, context),
                    values => new MixtureOfExperts(mixture, name, values));
            default:
                return new(
                    norm,
                    SwiGlu.Parameters(name, settings.Width, settings.ResolvedInner, bias: false, Start, residual),
                    SwiGlu.Cost(settings.Width, settings.ResolvedInner, context),
                    values => new SwiGlu(name, values));
        }
    }
}
