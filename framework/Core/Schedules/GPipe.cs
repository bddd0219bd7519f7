namespace Pipeline.Core.Schedules;

/// <summary>All forwards, then all backwards, both in ascending order (Huang et al. 2019, arXiv:1811.06965; order as in
/// torch.distributed.pipelining). Every micro-batch's activations are alive at the turn.</summary>
internal static class GPipe
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches) =>
        from stage in Enumerable.Range(0, ranks)
        let all = Enumerable.Range(0, microBatches)
        select all.Select(m => PipelineAction.Forward(stage, m)).Concat(all.Select(m => PipelineAction.Backward(stage, m)));
}
