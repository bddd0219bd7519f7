using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>The sequences of every step: each a function of (seed, step, index), so that any stage on any node reads the same ones,
/// and only what it needs.</summary>
public sealed class Samples
{
    private readonly Corpus corpus;
    private readonly long seed;
    private readonly long trainingTokens;

    /// <exception cref="BadInputException">There are too few tokens.</exception>
    public Samples(Corpus corpus, JobFile job)
    {
        this.corpus = corpus;
        seed = job.Job.Seed;
        Context = job.Model.Context;
        SequencesPerMicroBatch = job.Batch.Sequences / job.Batch.MicroBatches;
        trainingTokens = corpus.Count - (long)(corpus.Count * job.Data.ValidationFraction);
        Check("training", trainingTokens);
        if (job.Evaluation.Every > 0 || job.Evaluation.BeforeFirstStep)
        {
            Check("validation", corpus.Count - trainingTokens);
        }
    }

    /// <summary>Tokens of a sequence. Its targets are one further on, so it takes one token more from the corpus.</summary>
    public int Context { get; }

    public int SequencesPerMicroBatch { get; }

    public long TokensPerMicroBatch => (long)Context * SequencesPerMicroBatch;

    /// <summary>Reads one micro-batch's inputs, or its targets: the same sequences one token on.</summary>
    /// <param name="batch">The step in training, counted from 1; the batch in validation, counted from 0.</param>
    /// <param name="tokens">(sequences of a micro-batch) x context, row by row.</param>
    public void Read(bool validation, long batch, int microBatch, bool targets, Span<long> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, TokensPerMicroBatch);
        var (first, count) = validation ? (trainingTokens, corpus.Count - trainingTokens) : (0, trainingTokens);
        var purpose = (long)Seeds.Derive(seed, validation ? "validation" : "training");
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            var index = ((long)microBatch * SequencesPerMicroBatch) + i;
            var start = first + Seeds.Below(Seeds.Derive(purpose, batch, index), count - Context);
            corpus.Read(start + (targets ? 1 : 0), tokens.Slice(i * Context, Context));
        }
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
