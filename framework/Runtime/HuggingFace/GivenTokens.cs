using Pipeline.Core.Data;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>One micro-batch of token ids that were given. A target is the token one further on; the last one has none, and gets any.</summary>
/// <param name="ids">Row by row.</param>
/// <param name="context">Tokens of a row.</param>
internal sealed class GivenTokens(long[] ids, int context) : ISamples
{
    public int Context => context;

    public int SequencesPerMicroBatch => ids.Length / context;

    public long TokensPerMicroBatch => ids.Length;

    public void Read(bool validation, long batch, int microBatch, bool targets, Span<long> tokens)
    {
        ids.AsSpan(targets ? 1 : 0).CopyTo(tokens);
        if (targets)
        {
            tokens[^1] = 0;
        }
    }

    /// <summary>Each row is one document.</summary>
    public void ReadStarts(bool validation, long batch, int microBatch, Span<bool> starts)
    {
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = i % context == 0;
        }
    }
}
