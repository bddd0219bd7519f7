using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Mamba2;

/// <summary>The Mamba-2 family (Dao and Gu 2024, arXiv:2405.21060).</summary>
/// <param name="State">State of a head: N.</param>
/// <param name="HeadSize">Channels of a head: P. Divides the inner width.</param>
/// <param name="Expand">The inner width over the width.</param>
/// <param name="Groups">Of neighbouring heads that share B and C.</param>
/// <param name="Convolution">Taps.</param>
/// <param name="Chunk">Tokens that are computed together; it changes time and rounding alone.</param>
/// <param name="TimeStepLimit">Lowest and highest time step, after softplus; the highest may be left out.</param>
/// <param name="Bias">Of the projections in and out.</param>
/// <param name="ConvBias">Of the convolution.</param>
/// <param name="ResidualInFp32">The residual stream is float32 whatever the layers compute in; it is what crosses a stage boundary.</param>
/// <param name="NormGroups">Parts of the inner width that the gated norm takes by themselves: 1 as Hugging Face's models, or the number of
/// groups as mamba_ssm's.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record Mamba2Settings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 1_000_000)] int State = 128,
    [Limits(1, 1_000_000)] int HeadSize = 64,
    [Limits(0, 1000, ExcludeMinimum = true)] double Expand = 2,
    [Limits(1, 1_000_000)] int Groups = 1,
    [Limits(1, 1000)] int Convolution = 4,
    [Limits(1, 1_000_000)] int Chunk = 64,
    [Limits(0)] IReadOnlyList<double>? TimeStepLimit = null,
    bool Bias = false,
    bool ConvBias = true,
    bool ResidualInFp32 = true,
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    [Limits(1, 1_000_000)] int NormGroups = 1,
    bool TieEmbeddings = true,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    /// <summary>d_inner.</summary>
    public int InnerWidth => (int)Math.Round(Expand * Width);

    internal Mamba2MixerSettings Mixer => new(
        Width, InnerWidth, HeadSize, State, Groups, Convolution, Chunk, TimeStepLimit, Bias, ConvBias, NormEpsilon, NormGroups, Residuals: Layers);

    public string? Problem() => this switch
    {
        _ when InnerWidth == 0 || InnerWidth % HeadSize != 0 =>
            $"model.head-size is {HeadSize}, which does not divide model.expand times model.width, {InnerWidth}; allowed are the divisors of that",
        _ when InnerWidth / HeadSize % Groups != 0 =>
            $"model.groups is {Groups}, which does not divide the {InnerWidth / HeadSize} heads; allowed are the divisors of that",
        _ when InnerWidth % NormGroups != 0 =>
            $"model.norm-groups is {NormGroups}, which does not divide the inner width {InnerWidth}; allowed are the divisors of that",
        _ when TimeStepLimit is not (null or [_] or [_, _]) || (TimeStepLimit is [var least, var most] && least > most) =>
            "model.time-step-limit must be a lowest time step, or a lowest and a highest one",
        _ => null,
    };
}
