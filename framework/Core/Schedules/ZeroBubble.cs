namespace Pipeline.Core.Schedules;

/// <summary>The handcrafted zero-bubble schedules (Qi et al. 2023, arXiv:2401.10241): 1F1B with the backward split, so that weight
/// gradients fill what were bubbles. Rank r of p.</summary>
internal static class ZeroBubble
{
    /// <summary>ZB-H1: the warm-up, and so the memory, of 1F1B's first rank on all ranks; bubble (p - 1)(F + I - W).</summary>
    public static IEnumerable<IEnumerable<PipelineAction>> H1(int ranks, int chunks, int microBatches) =>
        Generate(ranks, chunks, microBatches, (_, rank) => ranks - 1 - rank, rank => rank);

    /// <summary>ZB-H2: about twice that memory, so that forwards reach until the first gradient comes; bubble (p - 1)(F + I - 2W) within
    /// a rank's own span. With a barrier after the step it takes as long as ZB-H1.</summary>
    public static IEnumerable<IEnumerable<PipelineAction>> H2(int ranks, int chunks, int microBatches) =>
        Generate(ranks, chunks, microBatches, (_, rank) => 2 * (ranks - 1 - rank), rank => 2 * rank);

    /// <summary>ZB-H1 over several chunks a rank, in interleaved 1F1B's order.</summary>
    public static IEnumerable<IEnumerable<PipelineAction>> Interleaved(int ranks, int chunks, int microBatches) =>
        Generate(ranks, chunks, microBatches, (group, rank) => ((chunks - 1) * group) + (ranks - 1 - rank), rank => rank);

    private static IEnumerable<IEnumerable<PipelineAction>> Generate(
        int ranks, int chunks, int microBatches, Func<int, int, int> warmup, Func<int, int> lag)
    {
        var interleaving = new Interleaving(ranks, chunks, microBatches);
        return Enumerable.Range(0, ranks).Select(rank => ForwardsAndBackwards.Split(
            interleaving.Forwards(rank), interleaving.Backwards(rank), warmup(interleaving.FirstGroup, rank), lag(rank)));
    }
}
