namespace Pipeline.Core.Data;

/// <summary>Where a stage's tokens come from: the first stage reads inputs, the last one targets.</summary>
public interface ISamples
{
    /// <summary>Tokens of a sequence.</summary>
    int Context { get; }

    int SequencesPerMicroBatch { get; }

    long TokensPerMicroBatch { get; }

    /// <summary>Reads one micro-batch's inputs, or its targets: the same sequences one token on.</summary>
    /// <param name="batch">The step in training, counted from 1; the batch in validation, counted from 0.</param>
    /// <param name="tokens">(sequences of a micro-batch) x context, row by row.</param>
    void Read(bool validation, long batch, int microBatch, bool targets, Span<long> tokens);

    /// <summary>Where documents begin in the inputs of one micro-batch.</summary>
    /// <param name="starts">(sequences of a micro-batch) x context, row by row: true at a document's first token.</param>
    void ReadStarts(bool validation, long batch, int microBatch, Span<bool> starts);
}
