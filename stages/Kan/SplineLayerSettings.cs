namespace Pipeline.Stages.Kan;

/// <param name="Intervals">Of the grid: G.</param>
/// <param name="Order">Of the splines: k.</param>
/// <param name="Low">Where the grid begins before it adapts.</param>
/// <param name="High">Where it ends.</param>
/// <param name="EvenShare">Of even knots in a grid that adapts.</param>
public sealed record SplineLayerSettings(int Inputs, int Outputs, int Intervals, int Order, double Low, double High, double EvenShare)
{
    /// <summary>Of each function.</summary>
    public int Coefficients => Intervals + Order;
}
