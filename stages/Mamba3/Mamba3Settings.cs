using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Mamba3;

/// <summary>The Mamba-3 family (Lahoti et al. 2026, arXiv:2603.15569), with one input and one output a head.</summary>
/// <param name="State">State of a head: N.</param>
/// <param name="HeadSize">Channels of a head: P. Divides the inner width.</param>
/// <param name="Expand">The inner width over the width.</param>
/// <param name="Groups">Of neighbouring heads that share B and C but for their biases.</param>
/// <param name="RotaryFraction">The part of B and C that is turned by angles from the data.</param>
/// <param name="Chunk">Tokens that are computed together; it changes time and rounding alone.</param>
/// <param name="OutputNorm">Each head's output is normed before the gate.</param>
/// <param name="ResidualInFp32">The residual stream is float32 whatever the layers compute in; it is what crosses a stage boundary.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record Mamba3Settings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 1_000_000)] int State = 128,
    [Limits(1, 1_000_000)] int HeadSize = 64,
    [Limits(0, 1000, ExcludeMinimum = true)] double Expand = 2,
    [Limits(1, 1_000_000)] int Groups = 1,
    [Limits(0, 1, ExcludeMinimum = true)] double RotaryFraction = 0.5,
    [Limits(1, 1_000_000)] int Chunk = 64,
    bool OutputNorm = false,
    bool ResidualInFp32 = true,
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    bool TieEmbeddings = true,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    /// <summary>d_inner.</summary>
    public int InnerWidth => (int)Math.Round(Expand * Width);

    internal Mamba3MixerSettings Mixer => new(
        Width, InnerWidth, HeadSize, State, Groups, RotaryFraction, Chunk, OutputNorm, NormEpsilon, Residuals: Layers);

    public string? Problem() => this switch
    {
        _ when InnerWidth == 0 || InnerWidth % HeadSize != 0 =>
            $"model.head-size is {HeadSize}, which does not divide model.expand times model.width, {InnerWidth}; allowed are the divisors of that",
        _ when InnerWidth / HeadSize % Groups != 0 =>
            $"model.groups is {Groups}, which does not divide the {InnerWidth / HeadSize} heads; allowed are the divisors of that",
        _ when Mixer.Pairs == 0 =>
            $"model.rotary-fraction of model.state, {State}, must be 2 or more: the elements turn in pairs",
        _ => null,
    };
}
