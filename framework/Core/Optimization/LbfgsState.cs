namespace Pipeline.Core.Optimization;

/// <summary>All that <see cref="Lbfgs"/> knows between two steps; a checkpoint has it.</summary>
/// <param name="Pairs">How many are remembered: the newest of the stages'.</param>
/// <param name="StepsWithChanges">s_i y_j of the remembered pairs, row after row, where j is not older than i; what else there is has no effect.</param>
/// <param name="Changes">y_i y_j of all remembered pairs, likewise.</param>
/// <param name="Search">Along the direction; null where the next step begins anew.</param>
/// <param name="Returns">The search is over, and the next step evaluates the point where it has ended.</param>
public sealed record LbfgsState(
    int Pairs, IReadOnlyList<double> StepsWithChanges, IReadOnlyList<double> Changes, LineSearch? Search, bool Returns)
{
    /// <summary>It is of as many pairs: what is read from a file need not be.</summary>
    /// <param name="history">Pairs that stages remember.</param>
    public bool Fits(int history) =>
        Pairs >= 0 && Pairs <= history && StepsWithChanges.Count == history * history && Changes.Count == history * history && (Search is not null || !Returns);

    internal static LbfgsState Beginning(int history) => new(0, new double[history * history], new double[history * history], null, false);
}
