using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>The sequences of every step: each a function of (seed, step, index), so that any stage on any node reads the same ones,
/// and only what it needs.</summary>
public sealed class Samples : ISamples
{
    private readonly Corpus corpus;
    private readonly long seed;
    private readonly int sequences;
    private readonly long trainingTokens;

    /// <exception cref="BadInputException">There are too few tokens.</exception>
    public Samples(Corpus corpus, JobFile job)
    {
        this.corpus = corpus;
        seed = job.Job.Seed;
        Context = job.Model.Context;
        sequences = job.Batch.Sequences;
        SequencesPerMicroBatch = job.Batch.Sequences / job.Batch.MicroBatches;
        TokensPerMicroBatch = job.TokensPerMicroBatch;
        trainingTokens = corpus.Count - (long)(corpus.Count * job.Data.ValidationFraction);
        if (job.Data.ValidationFraction < 1)
        {
            Check("training", trainingTokens);
        }

        if (job.Evaluation.Every > 0 || job.Evaluation.BeforeFirstStep)
        {
            Check("validation", corpus.Count - trainingTokens);
        }
    }

    /// <summary>Tokens of a sequence. Its targets are one further on, so it takes one token more from the corpus.</summary>
    public int Context { get; }

    public int SequencesPerMicroBatch { get; }

    public long TokensPerMicroBatch { get; }

    /// <inheritdoc/>
    public void Read(bool validation, long batch, int microBatch, bool targets, Span<long> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, TokensPerMicroBatch);
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            corpus.Read(Start(validation, Index(validation, batch, microBatch, i)) + (targets ? 1 : 0), tokens.Slice(i * Context, Context));
        }
    }

    /// <summary>Tells of each input of a micro-batch whether a document begins with it.</summary>
    /// <param name="batch">As in <see cref="Read"/>.</param>
    /// <param name="starts">(sequences of a micro-batch) x context, row by row.</param>
    public void ReadStarts(bool validation, long batch, int microBatch, Span<bool> starts)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(starts.Length, TokensPerMicroBatch);
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            corpus.ReadStarts(Start(validation, Index(validation, batch, microBatch, i)), starts.Slice(i * Context, Context));
        }
    }

    private long Index(bool validation, long batch, int microBatch, int sequence) =>
        ((validation ? batch : batch - 1) * sequences) + ((long)microBatch * SequencesPerMicroBatch) + sequence;

    /// <summary>Where a sequence starts: an epoch cuts its part of the corpus into windows that begin at a random place and visits each
    /// once, in random order, so that no token comes twice before all have come.</summary>
    private long Start(bool validation, long index)
    {
        var (first, count) = validation ? (trainingTokens, corpus.Count - trainingTokens) : (0, trainingTokens);
        var windows = Math.Max(1, ((count - 1) / Context) - 1);
        var (epoch, position) = Math.DivRem(index, windows);
        var random = Seeds.Derive(seed, validation ? -1 : 0, epoch);
        var offset = Seeds.Below(random, count - (windows * Context));
        return first + offset + (Permutation.At(position, windows, (long)random) * Context);
    }

    private void Check(string part, long tokens)
    {
        if (tokens <= Context)
        {
            throw new BadInputException(
                $"data.files: the {part} part has {tokens} tokens, too few for model.context = {Context}; at least {Context + 1} are needed.");
        }
    }
}
