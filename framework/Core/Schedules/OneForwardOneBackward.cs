namespace Pipeline.Core.Schedules;

/// <summary>1F1B (PipeDream-Flush, Narayanan et al. 2021, arXiv:2006.09503; Megatron-LM's non-interleaved schedule): rank r of p
/// warms up with p - r - 1 forwards, then alternates one forward and one backward, so that at most p - r activations are alive.</summary>
internal static class OneForwardOneBackward
{
    public static IEnumerable<IEnumerable<PipelineAction>> Generate(int stages, int microBatches) =>
        Enumerable.Range(0, stages).Select(stage => Rank(stage, Math.Min(stages - stage - 1, microBatches), microBatches));

    private static IEnumerable<PipelineAction> Rank(int stage, int warmup, int microBatches)
    {
        for (var m = 0; m < warmup; m++)
        {
            yield return PipelineAction.Forward(stage, m);
        }

        for (var m = warmup; m < microBatches; m++)
        {
            yield return PipelineAction.Forward(stage, m);
            yield return PipelineAction.Backward(stage, m - warmup);
        }

        for (var m = microBatches - warmup; m < microBatches; m++)
        {
            yield return PipelineAction.Backward(stage, m);
        }
    }
}
