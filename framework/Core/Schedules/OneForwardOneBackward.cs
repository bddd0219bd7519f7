namespace Pipeline.Core.Schedules;

/// <summary>1F1B (PipeDream-Flush, Narayanan et al. 2021, arXiv:2006.09503; Megatron-LM's non-interleaved schedule): rank r of p
/// warms up with p - r - 1 forwards, then alternates one forward and one backward, so that at most p - r activations are alive.</summary>
internal static class OneForwardOneBackward
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches)
    {
        var interleaving = new Interleaving(ranks, chunks, microBatches);
        return Enumerable.Range(0, ranks).Select(rank =>
            ForwardsAndBackwards.Whole(interleaving.Forwards(rank), interleaving.Backwards(rank), ranks - rank - 1));
    }
}
