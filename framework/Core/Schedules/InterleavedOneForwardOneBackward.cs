namespace Pipeline.Core.Schedules;

/// <summary>1F1B over several chunks a rank (Narayanan et al. 2021, arXiv:2104.04473; order as in torch.distributed.pipelining): the
/// bubble is divided by the chunks, for more hand-overs and a warm-up longer by a group for each further chunk.</summary>
internal static class InterleavedOneForwardOneBackward
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches)
    {
        var interleaving = new Interleaving(ranks, chunks, microBatches);
        return Enumerable.Range(0, ranks).Select(rank =>
        {
            var warmup = ((chunks - 1) * interleaving.FirstGroup) + (2 * (ranks - 1 - rank));
            return ForwardsAndBackwards.Whole(interleaving.Forwards(rank), interleaving.Backwards(rank), warmup);
        });
    }
}
