using Pipeline.Core.Data;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Micro-batches of samples as tensors.</summary>
internal static class SampleReader
{
    /// <summary>The inputs of a micro-batch, (sequences, context), or its targets, (sequences, outputs): int64 tokens or float64 numbers, in the
    /// caller's scope.</summary>
    /// <param name="batches">As in <see cref="ISamples{T}.Read"/>.</param>
    public static Tensor Read(this ISamples samples, bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Device device)
    {
        var (rows, width) = (samples.SequencesPerMicroBatch, targets ? samples.Outputs : samples.Context);
        switch (samples)
        {
            case ISamples<long> tokens:
                var ids = new long[rows * width];
                tokens.Read(validation, batches, microBatch, targets, ids);
                return tensor(ids, [rows, width], device: device);
            case ISamples<double> reals:
                var numbers = new double[rows * width];
                reals.Read(validation, batches, microBatch, targets, numbers);
                return tensor(numbers, [rows, width], device: device);
            default:
                throw new ArgumentException($"{samples.GetType()} has neither tokens nor real numbers.", nameof(samples));
        }
    }

    /// <inheritdoc cref="Read(ISamples, bool, ReadOnlySpan{long}, int, bool, Device)"/>
    /// <param name="batch">Of all sequences.</param>
    public static Tensor Read(this ISamples samples, bool validation, long batch, int microBatch, bool targets, Device device) =>
        samples.Read(validation, samples.Same(batch), microBatch, targets, device);

    /// <summary>Where documents begin in a micro-batch: bool (sequences, context), in the caller's scope.</summary>
    /// <param name="batch">Of all sequences.</param>
    public static Tensor ReadStarts(this ISamples samples, bool validation, long batch, int microBatch, Device device)
    {
        var starts = new bool[samples.SequencesPerMicroBatch * samples.Context];
        samples.ReadStarts(validation, batch, microBatch, starts);
        return tensor(starts, [samples.SequencesPerMicroBatch, samples.Context], device: device);
    }
}
