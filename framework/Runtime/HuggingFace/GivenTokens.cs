using Pipeline.Core.Data;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>One micro-batch of token ids that were given. A target is the token one further on; the last one has none, and gets any.</summary>
/// <param name="ids">Row by row.</param>
/// <param name="context">Tokens of a row.</param>
internal sealed class GivenTokens(long[] ids, int context) : ISamples<long>
{
    public int Context => context;

    public int SequencesPerMicroBatch => ids.Length / context;

    /// <summary>All but the last.</summary>
    public int TargetsPerSequence => context - 1;

    public void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<long> values)
    {
        ids.AsSpan(targets ? 1 : 0).CopyTo(values);
        if (targets)
        {
            values[^1] = 0;
        }
    }
}
