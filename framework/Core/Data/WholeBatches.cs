using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>Samples where all sequences of a micro-batch are of the same batch.</summary>
public static class WholeBatches
{
    extension(ISamples samples)
    {
        /// <summary>Targets of a micro-batch that count.</summary>
        public long TargetsPerMicroBatch => (long)samples.TargetsPerSequence * samples.SequencesPerMicroBatch;

        /// <summary>Targets of a whole step that count.</summary>
        public long TargetsPerStep(JobFile job) => (long)samples.TargetsPerSequence * job.Batch.Sequences;

        /// <inheritdoc cref="ISamples.ReadStarts"/>
        /// <param name="batch">Of all sequences.</param>
        public void ReadStarts(bool validation, long batch, int microBatch, Span<bool> starts) =>
            samples.ReadStarts(validation, samples.Same(batch), microBatch, starts);

        /// <summary>A batch number for each sequence.</summary>
        public long[] Same(long batch)
        {
            var batches = new long[samples.SequencesPerMicroBatch];
            Array.Fill(batches, batch);
            return batches;
        }
    }

    extension<T>(ISamples<T> samples)
    {
        /// <inheritdoc cref="ISamples{T}.Read"/>
        /// <param name="batch">Of all sequences.</param>
        public void Read(bool validation, long batch, int microBatch, bool targets, Span<T> values) =>
            samples.Read(validation, samples.Same(batch), microBatch, targets, values);
    }
}
