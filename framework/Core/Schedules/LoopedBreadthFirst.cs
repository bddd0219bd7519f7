namespace Pipeline.Core.Schedules;

/// <summary>GPipe over several chunks a rank: all forwards chunk by chunk, then the backwards from the last chunk to the first
/// (Lamy-Poirier 2023, arXiv:2211.05953). Micro-batches run backward in descending order, as in torch.distributed.pipelining:
/// the one whose forward was last has its activations at hand.</summary>
internal static class LoopedBreadthFirst
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches) =>
        from rank in Enumerable.Range(0, ranks)
        let forwards =
            from chunk in Enumerable.Range(0, chunks)
            from m in Enumerable.Range(0, microBatches)
            select PipelineAction.Forward(Placements.Looped(ranks, rank, chunk), m)
        select forwards.Concat(forwards.Reverse().Select(action => action with { Kind = ActionKind.Backward }));
}
