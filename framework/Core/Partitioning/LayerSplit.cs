using System.Globalization;

namespace Pipeline.Core.Partitioning;

/// <summary>Cuts a model's layers into stages. The first layer (embedding) goes with the first stage and the last (head) with the last;
/// what is counted and cut is what lies between.</summary>
public static class LayerSplit
{
    /// <param name="rule"><c>auto</c>, <c>even</c>, or how many of the layers between embedding and head each stage takes.</param>
    /// <param name="costs">Of every layer, embedding and head included; any unit.</param>
    /// <returns>For each stage the range of layer indices.</returns>
    public static IReadOnlyList<Range> Cut(IReadOnlyList<string> rule, IReadOnlyList<double> costs, int stages)
    {
        var layers = costs.Count - 2;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stages, layers);
        var counts = rule switch
        {
            ["auto"] => Balanced(costs, stages),
            ["even"] => [.. Enumerable.Range(0, stages).Select(stage => (layers * (stage + 1) / stages) - (layers * stage / stages))],
            _ => rule.Select(count => int.Parse(count, CultureInfo.InvariantCulture)).ToArray(),
        };
        var cuts = new Range[stages];
        for (int stage = 0, next = 0; stage < stages; stage++)
        {
            var end = stage == stages - 1 ? costs.Count : next + counts[stage] + (stage == 0 ? 1 : 0);
            cuts[stage] = next..end;
            next = end;
        }

        return cuts;
    }

    /// <summary>The cut whose most expensive stage is cheapest; of equals the one that gives early stages more.</summary>
    private static int[] Balanced(IReadOnlyList<double> costs, int stages)
    {
        var layers = costs.Count - 2;
        var sums = new double[layers + 1];
        for (var i = 0; i < layers; i++)
        {
            sums[i + 1] = sums[i] + costs[i + 1];
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
                    var own = sums[n] - sums[n - take] + (s == 1 ? costs[0] : 0) + (s == stages ? costs[^1] : 0);
                    var most = Math.Max(own, best[s - 1, n - take]);
                    if (most < best[s, n])
                    {
                        (best[s, n], taken[s, n]) = (most, take);
                    }
                }
            }
        }

        var counts = new int[stages];
        for (int s = stages, n = layers; s > 0; n -= counts[--s])
        {
            counts[s - 1] = taken[s, n];
        }

        return counts;
    }
}
