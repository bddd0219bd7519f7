namespace Pipeline.Stages.Mamba3;

/// <summary>What a <see cref="Mamba3Mixer"/> is made of, in any model.</summary>
/// <param name="InnerWidth">d_inner: heads times head size.</param>
/// <param name="State">N, of each channel.</param>
/// <param name="Groups">Of neighbouring heads whose B and C differ by biases and time steps alone.</param>
/// <param name="RotaryFraction">The part of the state that turns.</param>
/// <param name="OutputNorm">A norm of each head before the gate.</param>
/// <param name="Residuals">Residual branches of the whole model: the output projection starts smaller by their square root.</param>
internal sealed record Mamba3MixerSettings(
    int Width, int InnerWidth, int HeadSize, int State, int Groups, double RotaryFraction, int Chunk, bool OutputNorm, double NormEpsilon, int Residuals)
{
    public int Heads => InnerWidth / HeadSize;

    /// <summary>Of B, and of C.</summary>
    public int SharedWidth => Groups * State;

    /// <summary>Of elements of the state that turn together.</summary>
    public int Pairs => (int)(State * RotaryFraction) / 2;

    /// <summary>Outputs of the projection in: gate, x, B, C, time steps, decays, the trapezoid's shares and the angles' rates.</summary>
    public IReadOnlyList<long> ProjectionParts => [InnerWidth, InnerWidth, SharedWidth, SharedWidth, Heads, Heads, Heads, Pairs];
}
