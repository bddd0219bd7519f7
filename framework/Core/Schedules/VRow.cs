namespace Pipeline.Core.Schedules;

/// <summary>A rank's actions of a schedule with two chunks in V placement, written down in order: each call takes the chunk's next
/// micro-batch. What lies beyond the last micro-batch is left out, so that a pattern for many also serves few.</summary>
internal sealed class VRow(int ranks, int rank, int microBatches)
{
    private readonly int[] forwards = new int[2];
    private readonly int[] backwards = new int[2];
    private readonly List<(int Chunk, int MicroBatch)> pending = [];
    private readonly List<PipelineAction> actions = [];

    public IReadOnlyList<PipelineAction> Actions => actions;

    /// <summary>How many forwards the chunk has had.</summary>
    public int Forwards(int chunk) => forwards[chunk];

    public void Forward(int chunk) => Add(ActionKind.Forward, chunk, forwards[chunk]++);

    public void Backward(int chunk) => Add(ActionKind.Backward, chunk, backwards[chunk]++);

    /// <summary>The input gradient; the weight gradient becomes pending.</summary>
    public void InputGradient(int chunk)
    {
        pending.Add((chunk, backwards[chunk]));
        Add(ActionKind.InputGradient, chunk, backwards[chunk]++);
    }

    /// <summary>The oldest pending weight gradient, if there is one.</summary>
    /// <param name="chunk">Only of this chunk.</param>
    public void WeightGradient(int? chunk = null)
    {
        var oldest = pending.FindIndex(item => chunk is null || item.Chunk == chunk);
        if (oldest >= 0)
        {
            Add(ActionKind.WeightGradient, pending[oldest].Chunk, pending[oldest].MicroBatch);
            pending.RemoveAt(oldest);
        }
    }

    /// <summary>All pending weight gradients, the oldest first.</summary>
    /// <param name="chunk">Only of this chunk.</param>
    public void WeightGradients(int? chunk = null)
    {
        while (pending.Exists(item => chunk is null || item.Chunk == chunk))
        {
            WeightGradient(chunk);
        }
    }

    private void Add(ActionKind kind, int chunk, int microBatch)
    {
        if (microBatch < microBatches)
        {
            actions.Add(new(Placements.V(ranks, rank, chunk), kind, microBatch));
        }
    }
}
