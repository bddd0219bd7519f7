namespace Pipeline.Core.Schedules;

/// <summary>DualPipeV (DeepSeek-AI 2024, arXiv:2412.19437, cut in half as in torch.distributed.pipelining): both chunks of the V are kept busy at
/// once, so that in the steady phase a forward and a whole backward of different micro-batches stand side by side, which systems with
/// expensive communication overlap. Only its ends split the backward. Needs 2 micro-batches a rank.</summary>
internal static class DualPipeV
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int ranks, int chunks, int microBatches) =>
        Enumerable.Range(0, ranks).Select(rank => Rank(ranks, rank, microBatches));

    private static IReadOnlyList<PipelineAction> Rank(int ranks, int rank, int microBatches)
    {
        var row = new VRow(ranks, rank, microBatches);
        var after = ranks - rank - 1;   // ranks between this one and the turn
        Repeat(2 * after, _ => row.Forward(0));
        Repeat(rank + 1, _ =>
        {
            row.Forward(0);
            row.Forward(1);
        });
        Repeat(after, _ =>
        {
            row.InputGradient(1);
            row.WeightGradient();
            row.Forward(1);
        });
        Repeat(microBatches - (2 * ranks) + rank + 1, _ =>
        {
            row.Forward(0);
            row.Backward(1);
            row.Forward(1);
            row.Backward(0);
        });
        Repeat(after, _ =>
        {
            row.Backward(1);
            row.Forward(1);
            row.Backward(0);
        });

        // From the middle of the next phase on the ranks before wait for gradients only, so weight gradients are put off.
        var half = (rank + 1) / 2;
        Repeat(rank + 1, i =>
        {
            Last(row, 1, split: i > half || (i == half && rank % 2 == 1));
            Last(row, 0, split: i >= half);
        });
        Repeat(after, _ =>
        {
            row.WeightGradient();
            row.InputGradient(0);
        });
        row.WeightGradients();
        return row.Actions;
    }

    private static void Last(VRow row, int chunk, bool split)
    {
        if (split)
        {
            row.InputGradient(chunk);
        }
        else
        {
            row.Backward(chunk);
        }
    }

    private static void Repeat(int times, Action<int> phase)
    {
        for (var i = 0; i < times; i++)
        {
            phase(i);
        }
    }
}
