namespace Pipeline.Core.Optimization;

/// <summary>The global gradient norm over all stages, and the factor that brings it down to the limit.</summary>
public static class GradientClip
{
    /// <summary>The norm, from each parameter's sum of squares: added in double precision in the order of names, so that the
    /// layout cannot change a bit of it.</summary>
    /// <param name="squares">Of one name in a fixed order: where replicas have pieces of a parameter, replica after replica: it is kept.</param>
    public static double Norm(IEnumerable<KeyValuePair<string, double>> squares) =>
        Math.Sqrt(squares.OrderBy(square => square.Key, StringComparer.Ordinal).Sum(square => square.Value));

    /// <summary>As torch.nn.utils.clip_grad_norm_: at most 1. A <paramref name="limit"/> of 0 turns clipping off.</summary>
    public static double Factor(double norm, double limit) => limit == 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));
}
