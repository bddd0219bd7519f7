using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Mamba;

/// <summary>The Mamba family (Gu and Dao 2023, arXiv:2312.00752).</summary>
/// <param name="State">Numbers that a channel remembers.</param>
/// <param name="Expand">Channels of a block, in widths.</param>
/// <param name="Convolution">Tokens that the causal convolution sees.</param>
/// <param name="TimeStepRank">Of the matrix that makes time steps; a sixteenth of the width, rounded up, without it.</param>
/// <param name="Bias">Biases in the projections into and out of a block.</param>
/// <param name="ResidualInFp32">The residual stream is float32 whatever the blocks compute in, between stages too.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record MambaSettings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 100_000)] int State = 16,
    [Limits(1, 100)] int Expand = 2,
    [Limits(1, 1000)] int Convolution = 4,
    [Limits(1, 1_000_000)] int? TimeStepRank = null,
    bool Bias = false,
    bool ConvBias = true,
    bool ResidualInFp32 = true,
    [Limits(0, 1)] double NormEpsilon = 1e-5,
    bool TieEmbeddings = true,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary)
{
    internal MambaMixerSettings Mixer =>
        new(Width, Expand * Width, State, Convolution, TimeStepRank ?? ((Width + 15) / 16), Bias, ConvBias, NormalizesParameters: false, NormEpsilon);
}
