using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Transformer;

/// <summary>The Llama family (Touvron et al. 2023, arXiv:2302.13971): rotary positions, root mean square norms, gated feed-forward, grouped queries.</summary>
/// <param name="KeyValueHeads">Divides the heads; as many as these without it.</param>
/// <param name="HeadSize">Even; width / heads without it.</param>
/// <param name="Inner">Of the feed-forward; 8/3 of the width, rounded up to a multiple of 256, without it.</param>
/// <param name="RopeType"><c>default</c>, <c>linear</c> or <c>llama3</c>; see <see cref="RopeSettings"/>.</param>
/// <param name="RopeOriginalContext">The context without it.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record LlamaSettings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 1_000_000)] int Heads,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 1_000_000)] int? KeyValueHeads = null,
    [Limits(2, 1_000_000)] int? HeadSize = null,
    [Limits(1, 100_000_000)] int? Inner = null,
    [Limits(1)] double RopeTheta = 10_000,
    [OneOf("default", "linear", "llama3")] string RopeType = "default",
    [Limits(1)] double RopeFactor = 1,
    [Limits(0, ExcludeMinimum = true)] double RopeLowFrequencyFactor = 1,
    [Limits(0, ExcludeMinimum = true)] double RopeHighFrequencyFactor = 4,
    [Limits(1, 100_000_000)] int? RopeOriginalContext = null,
    [Limits(0)] double NormEpsilon = 1e-5,
    bool AttentionBias = false,
    bool FeedForwardBias = false,
    bool TieEmbeddings = false,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    internal int ResolvedInner => Inner ?? SwiGlu.DefaultInner(Width);

    internal SelfAttentionSettings Attention => new(
        Width,
        Heads,
        KeyValueHeads ?? Heads,
        HeadSize ?? (Width / Heads),
        AttentionBias,
        new(RopeType, RopeTheta, RopeFactor, RopeLowFrequencyFactor, RopeHighFrequencyFactor, RopeOriginalContext ?? Context));

    public string? Problem() => SelfAttentionSettings.Problem(Width, Heads, KeyValueHeads, HeadSize, hasRotaryPositions: true)
        ?? (RopeType == "llama3" && RopeHighFrequencyFactor <= RopeLowFrequencyFactor
            ? $"model.rope-high-frequency-factor is {RopeHighFrequencyFactor}; it must be greater than model.rope-low-frequency-factor, which is {RopeLowFrequencyFactor}"
            : null);
}
