using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>The sequences of every step of a job on text: each a function of (seed, step, index), so that any stage on any node reads the same ones,
/// and only what it needs.</summary>
public sealed class Samples : ISamples<long>
{
    private readonly Corpus corpus;
    private readonly long seed;
    private readonly int sequences;
    private readonly long trainingTokens;

    /// <exception cref="BadInputException">There are too few tokens.</exception>
    public Samples(Corpus corpus, JobFile job)
    {
        this.corpus = corpus;
        var fraction = ((TextDataSettings)job.Data).ValidationFraction;
        seed = job.Job.Seed;
        Context = job.Model.Context;
        sequences = job.Batch.Sequences;
        SequencesPerMicroBatch = job.SequencesPerMicroBatch;
        trainingTokens = corpus.Count - (long)(corpus.Count * fraction);
        if (fraction < 1)
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

    /// <summary>All of them.</summary>
    public int TargetsPerSequence => Context;

    /// <summary>Reads one micro-batch's inputs, or its targets: the same sequences one token on.</summary>
    /// <inheritdoc/>
    public void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<long> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, SequencesPerMicroBatch * Context);
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            corpus.Read(Start(validation, Index(validation, batches[i], microBatch, i)) + (targets ? 1 : 0), values.Slice(i * Context, Context));
        }
    }

    /// <inheritdoc/>
    public void ReadStarts(bool validation, ReadOnlySpan<long> batches, int microBatch, Span<bool> starts)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(starts.Length, SequencesPerMicroBatch * Context);
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            corpus.ReadStarts(Start(validation, Index(validation, batches[i], microBatch, i)), starts.Slice(i * Context, Context));
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
