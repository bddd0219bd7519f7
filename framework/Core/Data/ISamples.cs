namespace Pipeline.Core.Data;

/// <summary>Where a stage's data come from: the first stage reads inputs, the last one targets. What can be read is
/// <see cref="ISamples{T}"/>: tokens or real numbers.</summary>
public interface ISamples
{
    /// <summary>Numbers of a sequence that go in: tokens of a sequence, or a function's inputs.</summary>
    int Context { get; }

    /// <summary>Numbers of a sequence's targets, those that do not count included.</summary>
    int Outputs => Context;

    int SequencesPerMicroBatch { get; }

    /// <summary>How many of a sequence's targets count (<see cref="Targets.Ignored"/> do not): the same for each.</summary>
    int TargetsPerSequence { get; }

    /// <summary>Where documents begin in the inputs of one micro-batch; a sequence is one where the kind of data has none.</summary>
    /// <param name="batches">As in <see cref="ISamples{T}.Read"/>.</param>
    /// <param name="starts">(sequences of a micro-batch) x context, row by row: true at a document's first token.</param>
    void ReadStarts(bool validation, ReadOnlySpan<long> batches, int microBatch, Span<bool> starts)
    {
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = i % Context == 0;
        }
    }
}

/// <typeparam name="T">Long for tokens, double for real numbers.</typeparam>
public interface ISamples<T> : ISamples
{
    /// <summary>Reads one micro-batch's inputs, or its targets.</summary>
    /// <param name="batches">For each sequence: the step in training, counted from 1; the batch in validation, counted from 0. They differ where
    /// sequences go on to their next sample each in its own time.</param>
    /// <param name="values">(sequences of a micro-batch) x <see cref="ISamples.Context"/>, or x <see cref="ISamples.Outputs"/>, row by row.</param>
    void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<T> values);
}
