namespace Pipeline.Stages.Mamba;

/// <param name="Inner">Channels.</param>
/// <param name="State">Numbers that a channel remembers.</param>
/// <param name="Convolution">Tokens that the causal convolution sees.</param>
/// <param name="Bias">Of the projections in and out.</param>
/// <param name="NormalizesParameters">A root mean square norm over each of what the scan's time step, B and C are made of, as in Jamba.</param>
/// <param name="NormEpsilon">Of those norms.</param>
internal sealed record MambaMixerSettings(
    int Width, int Inner, int State, int Convolution, int TimeStepRank, bool Bias, bool ConvolutionBias, bool NormalizesParameters, double NormEpsilon);
