namespace Pipeline.Core.Schedules;

/// <summary>Which stage a chunk of a rank is.</summary>
/// <param name="ranks">Ranks of the pipeline.</param>
/// <param name="rank">The rank that holds the chunk.</param>
/// <param name="chunk">From 0; chunks of a rank are numbered in the order in which a micro-batch passes them.</param>
internal delegate int Placement(int ranks, int rank, int chunk);

internal static class Placements
{
    /// <summary>Each chunk runs from the first rank to the last: stage <c>chunk * ranks + rank</c> (Narayanan et al. 2021, arXiv:2104.04473).</summary>
    public static int Looped(int ranks, int rank, int chunk) => (chunk * ranks) + rank;

    /// <summary>Two chunks, there and back: the last rank hands its first chunk's output to itself, and the first rank has both ends
    /// of the model (Qi et al. 2024, arXiv:2401.10241, section 6).</summary>
    public static int V(int ranks, int rank, int chunk) => chunk == 0 ? rank : (2 * ranks) - 1 - rank;
}
