namespace Pipeline.Core.Schedules;

/// <summary>ZB-V (Qi et al. 2023, arXiv:2401.10241, section 6): no bubble when F = I = W and hand-overs are free, with 1F1B's memory on
/// every rank. The pattern takes 2p - 1 micro-batches to unfold; with fewer, what lies beyond them is left out.</summary>
internal static class ZeroBubbleV
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches) =>
        Enumerable.Range(0, ranks).Select(rank => Rank(ranks, rank, microBatches, lead: 0));

    /// <summary>Its forwards and input gradients only.</summary>
    /// <param name="lead">Further forwards with which every rank begins, so that hand-overs which are not free find it busy.</param>
    public static Schedule Orders(int ranks, int microBatches, int lead) => new(
        "zb-v", microBatches, [.. Enumerable.Range(0, ranks).Select(rank =>
            Rank(ranks, rank, microBatches, lead).Where(action => action.Kind != ActionKind.WeightGradient).ToArray())]);

    private static IReadOnlyList<PipelineAction> Rank(int ranks, int rank, int microBatches, int lead)
    {
        var row = new VRow(ranks, rank, microBatches);
        var count = Math.Max((2 * ranks) - 1 + lead, microBatches);
        for (var i = 0; i < (2 * (ranks - rank)) - 1 + lead; i++)
        {
            row.Forward(0);
        }

        for (var i = 0; i < rank; i++)
        {
            row.Forward(1);
            row.Forward(0);
        }

        for (var i = 0; i < ranks - rank; i++)
        {
            row.Forward(1);
            Backward(row, 1);
        }

        while (row.Forwards(1) < count)
        {
            if (row.Forwards(0) < count)
            {
                row.Forward(0);
            }

            Backward(row, 0);
            row.Forward(1);
            Backward(row, 1);
        }

        // The ranks before wait for gradients; this rank's own weights can wait.
        for (var i = 0; i < rank; i++)
        {
            row.InputGradient(0);
            row.InputGradient(1);
        }

        for (var i = 0; i < ranks - rank; i++)
        {
            row.InputGradient(0);
            row.WeightGradient(0);
        }

        row.WeightGradients(1);
        row.WeightGradients(0);
        return row.Actions;
    }

    private static void Backward(VRow row, int chunk)
    {
        row.InputGradient(chunk);
        row.WeightGradient(chunk);
    }
}
