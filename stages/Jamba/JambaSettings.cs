using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Transformer;

namespace Pipeline.Stages.Jamba;

/// <summary>The Jamba family (Lieber et al. 2024, arXiv:2403.19887): Mamba layers with one of attention among them, and a mixture of experts
/// in place of some feed-forwards. No positions: the Mamba layers tell the order.</summary>
/// <param name="KeyValueHeads">Divides the heads; as many as these without it.</param>
/// <param name="HeadSize">Width / heads without it.</param>
/// <param name="Inner">Of the feed-forward, and of each expert; 8/3 of the width, rounded up to a multiple of 256, without it.</param>
/// <param name="AttentionPeriod">Layer i is attention where i % period is the offset, and Mamba elsewhere.</param>
/// <param name="AttentionOffset">Less than the period.</param>
/// <param name="ExpertPeriod">Layer i has experts where i % period is the offset, and a plain feed-forward elsewhere.</param>
/// <param name="ExpertOffset">Less than the period.</param>
/// <param name="Experts">1: a plain feed-forward everywhere.</param>
/// <param name="ExpertsPerToken">At most the experts.</param>
/// <param name="BalanceCoefficient">What each router's load-balancing loss counts beside the model's in training; 0 leaves it out.</param>
/// <param name="State">Numbers that a Mamba channel remembers.</param>
/// <param name="Expand">Channels of a Mamba layer, in widths.</param>
/// <param name="Convolution">Tokens that the causal convolution sees.</param>
/// <param name="TimeStepRank">Of the matrix that makes time steps; a sixteenth of the width, rounded up, without it.</param>
/// <param name="Bias">Biases in the projections into and out of a Mamba layer.</param>
/// <param name="ConvBias">Of the convolution.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record JambaSettings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 1_000_000)] int Heads,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 1_000_000)] int? KeyValueHeads = null,
    [Limits(1, 1_000_000)] int? HeadSize = null,
    [Limits(1, 100_000_000)] int? Inner = null,
    [Limits(1, 100_000)] int AttentionPeriod = 8,
    [Limits(0, 100_000)] int AttentionOffset = 4,
    [Limits(1, 100_000)] int ExpertPeriod = 2,
    [Limits(0, 100_000)] int ExpertOffset = 1,
    [Limits(1, 100_000)] int Experts = 16,
    [Limits(1, 100_000)] int ExpertsPerToken = 2,
    [Limits(0)] double BalanceCoefficient = 0.001,
    [Limits(1, 100_000)] int State = 16,
    [Limits(1, 100)] int Expand = 2,
    [Limits(1, 1000)] int Convolution = 4,
    [Limits(1, 1_000_000)] int? TimeStepRank = null,
    bool Bias = false,
    bool ConvBias = true,
    [Limits(0, 1)] double NormEpsilon = 1e-6,
    bool TieEmbeddings = false,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    public override string? KeyBesideLoss => BalanceCoefficient > 0 && ExpertLayers > 0 ? "model.balance-coefficient" : null;

    internal SelfAttentionSettings Attention => new(Width, Heads, KeyValueHeads ?? Heads, HeadSize ?? (Width / Heads));

    internal MambaMixerSettings Mixer =>
        new(Width, Expand * Width, State, Convolution, TimeStepRank ?? ((Width + 15) / 16), Bias, ConvBias, NormalizesParameters: true, NormEpsilon);

    internal MixtureOfExpertsSettings Mixture => new(Width, ResolvedInner, Experts, ExpertsPerToken, BalanceCoefficient);

    internal int ResolvedInner => Inner ?? SwiGlu.DefaultInner(Width);

    internal bool IsAttention(int layer) => layer % AttentionPeriod == AttentionOffset;

    internal bool HasExperts(int layer) => Experts > 1 && layer % ExpertPeriod == ExpertOffset;

    /// <summary>How many layers have experts.</summary>
    internal int ExpertLayers => Experts > 1 && ExpertPeriod > 0 && ExpertOffset >= 0 && ExpertOffset < Math.Min(ExpertPeriod, Layers)
        ? ((Layers - 1 - ExpertOffset) / ExpertPeriod) + 1
        : 0;

    public string? Problem() => this switch
    {
        _ when AttentionOffset >= AttentionPeriod =>
            $"model.attention-offset is {AttentionOffset}; it must be less than model.attention-period, which is {AttentionPeriod}",
        _ when ExpertOffset >= ExpertPeriod =>
            $"model.expert-offset is {ExpertOffset}; it must be less than model.expert-period, which is {ExpertPeriod}",
        _ when Experts > 1 && ExpertsPerToken > Experts =>
            $"model.experts-per-token is {ExpertsPerToken}; it must be at most model.experts, which is {Experts}",
        _ => SelfAttentionSettings.Problem(Width, Heads, KeyValueHeads, HeadSize, hasRotaryPositions: false),
    };
}
