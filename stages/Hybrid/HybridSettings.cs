using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Stages.Kan;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Mamba2;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Hybrid;

/// <summary>Layers of several kinds in the order of a pattern, as in Megatron-LM's hybrids and Nemotron-H (arXiv:2504.03624). A key of a kind
/// that the pattern lacks has no effect.</summary>
/// <param name="Pattern">A letter for each layer: <c>M</c> Mamba-2, <c>m</c> Mamba-1, <c>*</c> attention, <c>R</c> attention
/// over merged tokens, <c>-</c> gated feed-forward, <c>E</c> mixture of experts, <c>K</c> Kolmogorov-Arnold feed-forward. <c>|</c> is a border
/// between stages, where <c>parallel.split = auto</c> cuts.</param>
/// <param name="Causal">A token sees those up to its own alone. False: attention sees the whole sequence, for targets at their own places; the
/// pattern has no Mamba layer then.</param>
/// <param name="Heads">Of attention; must be given where the pattern has <c>*</c> or <c>R</c>.</param>
/// <param name="KeyValueHeads">Of attention. Divides the heads; as many as these without it.</param>
/// <param name="HeadSize">Of attention; width / heads without it. Even with rotary positions.</param>
/// <param name="Positions">Of attention: <c>rotary</c>, or <c>none</c> where other layers tell the order, as Mamba's do.</param>
/// <param name="RopeTheta">The base of the rotary positions' frequencies.</param>
/// <param name="Reduction">The share of a sequence's tokens that an <c>R</c> layer merges into others before its attention.</param>
/// <param name="Inner">Of a feed-forward, and of each expert; 8/3 of the width, rounded up to a multiple of 256, without it.</param>
/// <param name="State">Of a Mamba-2 head, 128 without it, or of a Mamba-1 channel, 16 without it.</param>
/// <param name="Expand">Channels of a Mamba layer, in widths.</param>
/// <param name="MambaHeadSize">Channels of a Mamba-2 head. Divides the channels.</param>
/// <param name="Groups">Of neighbouring Mamba-2 heads that share B, C and a part of the gated norm. Divides the heads.</param>
/// <param name="Convolution">Tokens that a Mamba layer's causal convolution sees.</param>
/// <param name="Chunk">Tokens that Mamba-2 computes together; it changes time and rounding alone.</param>
/// <param name="Experts">Must be given where the pattern has <c>E</c>.</param>
/// <param name="ExpertsPerToken">At most the experts.</param>
/// <param name="BalanceCoefficient">What each router's load-balancing loss counts beside the model's in training; 0 leaves it out.</param>
/// <param name="BalanceRate">How much the bias of an expert in the router's choice changes after each step against its load; 0: there is no such bias.</param>
/// <param name="Kan">Of the Kolmogorov-Arnold feed-forward's functions: <c>rational</c> activations before matrices (KAT), <c>spline</c> (efficient-kan) or
/// <c>gaussian</c> (FastKAN).</param>
/// <param name="KanInner">Of a Kolmogorov-Arnold feed-forward: outputs of the first of its two layers; without it so many that it has nearly the
/// parameters of two matrices to and from four widths.</param>
/// <param name="KanGrid">Intervals of its splines' grids.</param>
/// <param name="GridUpdateEvery">Steps from one update of its splines' grids from data to the next; 0 turns them off.</param>
/// <param name="GridUpdateUntil">The last step after which there may be one.</param>
/// <param name="GridEps">The share of an even grid in an updated one; the rest are quantiles of the data.</param>
/// <param name="ResidualInFp32">The residual stream is float32 whatever the layers compute in; it is what crosses a stage boundary.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record HybridSettings(
    string Architecture,
    string Pattern,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 100_000_000)] int Context,
    bool Causal = true,
    [Limits(1, 1_000_000)] int? Heads = null,
    [Limits(1, 1_000_000)] int? KeyValueHeads = null,
    [Limits(1, 1_000_000)] int? HeadSize = null,
    [OneOf("rotary", "none")] string Positions = "rotary",
    [Limits(1)] double RopeTheta = 10_000,
    [Limits(0, 0.5)] double Reduction = 0.25,
    [Limits(1, 100_000_000)] int? Inner = null,
    [Limits(1, 1_000_000)] int? State = null,
    [Limits(1, 100)] int Expand = 2,
    [Limits(1, 1_000_000)] int MambaHeadSize = 64,
    [Limits(1, 1_000_000)] int Groups = 1,
    [Limits(1, 1000)] int Convolution = 4,
    [Limits(1, 1_000_000)] int Chunk = 64,
    [Limits(1, 100_000)] int? Experts = null,
    [Limits(1, 100_000)] int ExpertsPerToken = 2,
    [Limits(0)] double BalanceCoefficient = 0.001,
    [Limits(0, 1)] double BalanceRate = 0,
    [OneOf("rational", "spline", "gaussian")] string Kan = "rational",
    [Limits(1, 100_000_000)] int? KanInner = null,
    [Limits(1, 10_000)] int KanGrid = 5,
    [Limits(0)] long GridUpdateEvery = 0,
    [Limits(0)] long GridUpdateUntil = 50,
    [Limits(0, 1, ExcludeMinimum = true)] double GridEps = 0.02,
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    bool ResidualInFp32 = true,
    bool TieEmbeddings = true,
    [Limits(1, 10_000_000)] int? Vocabulary = null)
    : ModelSettings(Architecture, HybridPattern.Layers(Pattern).Count, Width, Context, Vocabulary), ICheckedSettings
{
    public override string LayersKey => "the number of layers in model.pattern";

    public override IReadOnlyList<int>? Pieces => HybridPattern.Pieces(Pattern);

    public override string? KeyBesideLoss => (Has(HybridPattern.Experts), BalanceCoefficient > 0, BalanceRate > 0) switch
    {
        (true, true, _) => "model.balance-coefficient",
        (true, _, true) => "model.balance-rate",
        _ => null,
    };

    internal int ResolvedInner => Inner ?? SwiGlu.DefaultInner(Width);

    internal SelfAttentionSettings Attention => new(
        Width, Heads!.Value, KeyValueHeads ?? Heads.Value, HeadSize ?? (Width / Heads.Value),
        Positions: Positions == "rotary" ? new(Theta: RopeTheta) : null, Causal: Causal);

    internal MambaMixerSettings Mamba1 =>
        new(Width, Expand * Width, State ?? 16, Convolution, (Width + 15) / 16, Bias: false, ConvolutionBias: true, NormalizesParameters: false, NormEpsilon);

    internal Mamba2MixerSettings Mamba2 => new(
        Width, Expand * Width, MambaHeadSize, State ?? 128, Groups, Convolution, Chunk, TimeStepLimit: null, Bias: false, ConvolutionBias: true,
        NormEpsilon, NormGroups: Groups, Residuals: Layers);

    internal MixtureOfExpertsSettings Mixture => new(Width, ResolvedInner, Experts!.Value, ExpertsPerToken, BalanceCoefficient, BalanceRate);

    internal KanFeedForwardSettings KanFeedForward =>
        new(Width, KanInner ?? KanFeedForwardSettings.DefaultInner(Width, Kan, KanGrid), Kan, KanGrid, GridEps);

    internal Adaptation? Adaptation =>
        Has(HybridPattern.Kan) && Kan == "spline" && GridUpdateEvery > 0 ? new(GridUpdateEvery, GridUpdateUntil, KanGrid + 1) : null;

    public string? Problem() => this switch
    {
        _ when HybridPattern.Problem(Pattern) is { } problem => problem,
        _ when !Causal && First(HybridPattern.Mamba2, HybridPattern.Mamba1) is { } mamba =>
            $"model.causal is false, and model.pattern has {mamba}, which sees what comes before a token alone; it must be true with M or m",
        _ when Causal && Has(HybridPattern.ReducedAttention) =>
            "model.causal is true, and model.pattern has R, which merges tokens of the whole sequence; it must be false with R",
        _ when Has(HybridPattern.Mamba2) && Expand * Width % MambaHeadSize != 0 =>
            $"model.mamba-head-size is {MambaHeadSize}, which does not divide model.expand times model.width, {Expand * Width}; allowed are the divisors of that",
        _ when Has(HybridPattern.Mamba2) && Expand * Width / MambaHeadSize % Groups != 0 =>
            $"model.groups is {Groups}, which does not divide the {Expand * Width / MambaHeadSize} Mamba-2 heads; allowed are the divisors of that",
        _ when Has(HybridPattern.Experts) && Experts is null => "model.experts is missing, and model.pattern has E; it must be a whole number from 1",
        _ when Has(HybridPattern.Experts) && ExpertsPerToken > Experts =>
            $"model.experts-per-token is {ExpertsPerToken}; it must be at most model.experts, which is {Experts}",
        _ when Heads is null && First(HybridPattern.Attention, HybridPattern.ReducedAttention) is { } attention =>
            $"model.heads is missing, and model.pattern has {attention}; it must be a whole number from 1",
        _ when Has(HybridPattern.Attention) || Has(HybridPattern.ReducedAttention) => SelfAttentionSettings.Problem(Width, Heads!.Value, KeyValueHeads, HeadSize, Positions == "rotary"),
        _ => null,
    };

    private bool Has(char letter) => Pattern.Contains(letter);

    /// <summary>The first of these letters that the pattern has; null without one.</summary>
    private char? First(params IEnumerable<char> letters) => letters.Where(Has).Cast<char?>().FirstOrDefault();
}
