using System.Globalization;

namespace Pipeline.Core.Partitioning;

/// <summary>Cuts a model's layers into stages. The first layer (embedding) goes with the first stage and the last (head) with the last;
/// what is counted and cut is what lies between.</summary>
public static class LayerSplit
{
    /// <summary>As many layers for each stage as can be; of the rest one each to the last stages.</summary>
    /// <param name="layers">Embedding and head included.</param>
    public static IReadOnlyList<Range> Even(int layers, int stages) =>
        OfCounts(layers, [.. Enumerable.Range(0, stages).Select(stage => ((layers - 2) * (stage + 1) / stages) - ((layers - 2) * stage / stages))]);

    /// <param name="layers">Embedding and head included.</param>
    /// <param name="counts">How many of the layers between embedding and head each stage takes, as in a job file.</param>
    public static IReadOnlyList<Range> Listed(int layers, IReadOnlyList<string> counts) =>
        OfCounts(layers, [.. counts.Select(count => int.Parse(count, CultureInfo.InvariantCulture))]);

    /// <summary>The cut whose most expensive stage is cheapest; of equals the one that gives early stages more.</summary>
    /// <param name="costs">Of every layer, embedding and head included; any unit.</param>
    /// <param name="fits">Whether a stage may have these layers, embedding and head included; null where all may.</param>
    /// <returns>For each stage the range of layer indices; null where nothing fits.</returns>
    public static IReadOnlyList<Range>? Balanced(IReadOnlyList<double> costs, int stages, Func<int, Range, bool>? fits = null)
    {
        var layers = costs.Count - 2;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stages, layers);
        var sums = new double[costs.Count + 1];
        for (var i = 0; i < costs.Count; i++)
        {
            sums[i + 1] = sums[i] + costs[i];
        }

        // best[s, n]: the cheapest maximum over the first s stages when they take n layers; taken[s, n]: how many stage s - 1 takes then.
        var best = new double[stages + 1, layers + 1];
        var taken = new int[stages + 1, layers + 1];
        for (var s = 1; s <= stages; s++)
        {
            for (var n = s; n <= layers - (stages - s); n++)
            {
                best[s, n] = double.PositiveInfinity;
                for (var take = s == 1 ? n : 1; take <= n - (s - 1); take++)
                {
                    Range range = (s == 1 ? 0 : n - take + 1)..(s == stages ? costs.Count : n + 1);
                    var most = Math.Max(sums[range.End.Value] - sums[range.Start.Value], best[s - 1, n - take]);
                    if (most < best[s, n] && fits?.Invoke(s - 1, range) != false)
                    {
                        (best[s, n], taken[s, n]) = (most, take);
                    }
                }
            }
        }

        if (double.IsPositiveInfinity(best[stages, layers]))
        {
            return null;
        }

        var counts = new int[stages];
        for (int s = stages, n = layers; s > 0; n -= counts[--s])
        {
            counts[s - 1] = taken[s, n];
        }

        return OfCounts(costs.Count, counts);
    }

    /// <summary>The inverse of <see cref="Listed"/>.</summary>
    /// <param name="layers">Embedding and head included.</param>
    public static IReadOnlyList<int> CountsOf(int layers, IReadOnlyList<Range> cuts) =>
    [
        .. cuts.Select((cut, stage) => cut.GetOffsetAndLength(layers).Length - (stage == 0 ? 1 : 0) - (stage == cuts.Count - 1 ? 1 : 0)),
    ];

    private static Range[] OfCounts(int layers, IReadOnlyList<int> counts)
    {
        var cuts = new Range[counts.Count];
        for (int stage = 0, next = 0; stage < counts.Count; stage++)
        {
            var end = stage == counts.Count - 1 ? layers : next + counts[stage] + (stage == 0 ? 1 : 0);
            cuts[stage] = next..end;
            next = end;
        }

        return cuts;
    }
}
