namespace Pipeline.Core.Schedules;

/// <summary>The order in which the ranks take the micro-batches through several chunks (Narayanan et al. 2021, arXiv:2104.04473):
/// in groups of about as many as there are ranks, a whole group through one chunk before the next. With one chunk: ascending.</summary>
/// <remarks>torch.distributed.pipelining wants groups of one size and refuses other numbers of micro-batches; here sizes differ by
/// at most 1, the larger groups first, which is the same where it accepts.</remarks>
internal sealed class Interleaving
{
    private readonly int ranks;
    private readonly (int Chunk, int MicroBatch)[] order;
    private readonly int chunks;

    public Interleaving(int ranks, int chunks, int microBatches)
    {
        (this.ranks, this.chunks) = (ranks, chunks);
        var groups = Math.Max(1, microBatches / ranks);
        FirstGroup = (microBatches + groups - 1) / groups;
        order =
        [
            .. from microBatch in Enumerable.Range(0, microBatches)
               let size = microBatches / groups
               let larger = microBatches % groups
               let inLarger = microBatch / (size + 1)
               group microBatch by inLarger < larger ? inLarger : larger + ((microBatch - (larger * (size + 1))) / size) into together
               from chunk in Enumerable.Range(0, chunks)
               from microBatch in together
               select (chunk, microBatch),
        ];
    }

    /// <summary>Micro-batches of the first group.</summary>
    public int FirstGroup { get; }

    public PipelineAction[] Forwards(int rank) =>
        [.. order.Select(item => PipelineAction.Forward(Placements.Looped(ranks, rank, item.Chunk), item.MicroBatch))];

    /// <summary>The same order, with the chunks from the last to the first.</summary>
    public PipelineAction[] Backwards(int rank) =>
        [.. order.Select(item => PipelineAction.Backward(Placements.Looped(ranks, rank, chunks - 1 - item.Chunk), item.MicroBatch))];
}
