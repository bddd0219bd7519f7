namespace Pipeline.Stages.Kan;

/// <param name="Gaussians">Of each function, evenly from <paramref name="Low"/> to <paramref name="High"/>; 2 or more.</param>
/// <param name="Norm">The Gaussians see the layer norm of the inputs. With one input there is none: it would be constant.</param>
public sealed record GaussianLayerSettings(int Inputs, int Outputs, int Gaussians, double Low, double High, bool Norm)
{
    public bool HasNorm => Norm && Inputs > 1;

    /// <summary>From one to the next, and the width of each: <c>exp(-((x - center) / step)^2)</c>.</summary>
    public double Step => (High - Low) / (Gaussians - 1);
}
