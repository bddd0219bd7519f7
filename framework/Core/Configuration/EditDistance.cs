namespace Pipeline.Core.Configuration;

/// <summary>How far apart two words are: letters added, dropped, replaced, or swapped with their neighbour
/// (optimal string alignment).</summary>
public static class EditDistance
{
    public static int Between(string from, string to)
    {
        var distance = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            for (var j = 0; j <= to.Length; j++)
            {
                distance[i, j] = i == 0 ? j : j == 0 ? i : Step(i, j);
            }
        }

        return distance[from.Length, to.Length];

        int Step(int i, int j)
        {
            var replaced = distance[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
            var best = Math.Min(replaced, Math.Min(distance[i - 1, j], distance[i, j - 1]) + 1);
            return i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]
                ? Math.Min(best, distance[i - 2, j - 2] + 1)
                : best;
        }
    }

    /// <summary>The known word that was probably meant; null when none is near: at most a third of it may differ.</summary>
    public static string? Nearest(string word, IEnumerable<string> known) => known
        .Select(candidate => (candidate, allowed: Math.Max(1, candidate.Length / 3)))
        .Where(item => Math.Abs(item.candidate.Length - word.Length) <= item.allowed)   // also keeps endless words out
        .Select(item => (item.candidate, item.allowed, distance: Between(word.ToLowerInvariant(), item.candidate.ToLowerInvariant())))
        .Where(item => item.distance <= item.allowed)
        .OrderBy(item => item.distance)
        .Select(item => item.candidate)
        .FirstOrDefault();
}
