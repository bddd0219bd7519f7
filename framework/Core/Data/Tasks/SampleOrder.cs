using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Which of a task's samples each sequence of a step is: one after another over the whole run.</summary>
internal readonly struct SampleOrder(JobFile job)
{
    private readonly int sequences = job.Batch.Sequences;
    private readonly int perMicroBatch = job.SequencesPerMicroBatch;

    public int SequencesPerMicroBatch => perMicroBatch;

    /// <param name="batch">As in <see cref="ISamples{T}.Read"/>.</param>
    /// <param name="sequence">Of the micro-batch.</param>
    public long Index(bool validation, long batch, int microBatch, int sequence) =>
        ((validation ? batch : batch - 1) * sequences) + ((long)microBatch * perMicroBatch) + sequence;
}
