using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>The samples of a task on tokens, generated whenever they are read.</summary>
internal sealed class TaskSamples(ISequenceTask task, JobFile job) : ISamples<long>
{
    private readonly SampleOrder order = new(job);

    public int Context => task.Length;

    public int SequencesPerMicroBatch => order.SequencesPerMicroBatch;

    public int TargetsPerSequence => task.TargetsPerSequence;

    public void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<long> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, SequencesPerMicroBatch * Context);
        var other = new long[Context];
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            var row = values.Slice(i * Context, Context);
            task.Generate(validation, order.Index(validation, batches[i], microBatch, i), targets ? other : row, targets ? row : other);
        }
    }
}
