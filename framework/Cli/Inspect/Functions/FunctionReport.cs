namespace Pipeline.Cli.Inspect.Functions;

/// <summary>What <c>inspect CHECKPOINT --json</c> prints.</summary>
/// <param name="Functions">That were asked for, in all layers.</param>
/// <param name="Shown">Of them; if fewer, the strongest.</param>
internal sealed record FunctionReport(
    string Checkpoint, long Step, long Functions, int Shown, IReadOnlyList<LayerReport> Layers, string? Picture)
{
    public static FunctionReport Of(string checkpoint, long step, IReadOnlyList<FittedLayer> layers, int top, string? picture) => new(
        checkpoint,
        step,
        layers.Sum(layer => layer.Layer.Wanted),
        layers.Sum(layer => layer.Edges.Count),
        [.. layers.Select(layer => LayerReport.Of(layer, top))],
        picture);
}

/// <param name="Functions">That were asked for.</param>
internal sealed record LayerReport(string Layer, int Inputs, int Outputs, long Functions, IReadOnlyList<EdgeReport> Edges)
{
    public static LayerReport Of(FittedLayer layer, int top) => new(
        layer.Layer.Name, layer.Layer.Inputs, layer.Layer.Outputs, layer.Layer.Wanted, [.. layer.Edges.Select(edge => EdgeReport.Of(edge, top))]);
}

/// <param name="Low">Where the function was learned.</param>
/// <param name="Deviation">The standard deviation of its values.</param>
/// <param name="Share">Of the variances of all functions to the same output.</param>
internal sealed record EdgeReport(
    int Input, int Output, double Low, double High, double Deviation, double Share, IReadOnlyList<CandidateReport> Candidates)
{
    public static EdgeReport Of(FittedEdge fitted, int top)
    {
        var edge = fitted.Edge;
        return new(edge.Input, edge.Output, edge.X[0], edge.X[^1], edge.Deviation, edge.Share, [.. fitted.Top(top).Select(fit => new CandidateReport(
            fit.Candidate.Name, fit.Formula, fit.R2, fitted.IsNearTie(fit), fit.Constants.A, fit.Constants.B, fit.Constants.C, fit.Constants.D))]);
    }
}

/// <summary>A fit <c>C f(A x + B) + D</c>.</summary>
/// <param name="Function">The candidate's name.</param>
/// <param name="NearTie">It fits about as well as the first, or is it.</param>
internal sealed record CandidateReport(string Function, string Formula, double R2, bool NearTie, double A, double B, double C, double D);
