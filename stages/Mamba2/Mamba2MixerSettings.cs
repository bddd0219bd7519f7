namespace Pipeline.Stages.Mamba2;

/// <summary>What a <see cref="Mamba2Mixer"/> is made of, in any model.</summary>
/// <param name="InnerWidth">d_inner: heads times head size.</param>
/// <param name="State">N, of each channel.</param>
/// <param name="Convolution">Taps.</param>
/// <param name="TimeStepLimit">Lowest and perhaps highest time step.</param>
/// <param name="NormGroups">Parts of the inner width with a norm of their own.</param>
/// <param name="Residuals">Residual branches of the whole model: the output projection starts smaller by their square root.</param>
internal sealed record Mamba2MixerSettings(
    int Width,
    int InnerWidth,
    int HeadSize,
    int State,
    int Groups,
    int Convolution,
    int Chunk,
    IReadOnlyList<double>? TimeStepLimit,
    bool Bias,
    bool ConvolutionBias,
    double NormEpsilon,
    int NormGroups,
    int Residuals)
{
    public int Heads => InnerWidth / HeadSize;

    /// <summary>Of B, and of C.</summary>
    public int SharedWidth => Groups * State;

    /// <summary>Channels of the convolution: x, B and C.</summary>
    public int ConvolutionWidth => InnerWidth + (2 * SharedWidth);

    /// <summary>Outputs of the projection in: gate, x, B, C and a time step for each head.</summary>
    public int ProjectionWidth => InnerWidth + ConvolutionWidth + Heads;
}
