using Pipeline.Core.Symbolic;
using Pipeline.Runtime.Interpretation;

namespace Pipeline.Cli.Inspect.Functions;

internal sealed record FittedLayer(LearnedLayer Layer, IReadOnlyList<FittedEdge> Edges);

/// <param name="Fits">The best first.</param>
internal sealed record FittedEdge(LearnedEdge Edge, IReadOnlyList<SymbolicFit> Fits)
{
    /// <summary>So many, and all others that fit about as well as the best.</summary>
    public IEnumerable<SymbolicFit> Top(int count) => Fits.Where((fit, place) => place < count || IsNearTie(fit));

    /// <summary>The data do not tell it from the best.</summary>
    public bool IsNearTie(SymbolicFit fit) => fit.R2 >= Fits[0].R2 - SymbolicRegression.NearTie;
}
