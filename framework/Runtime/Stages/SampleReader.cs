using Pipeline.Core.Data;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Micro-batches of samples as tensors.</summary>
internal static class SampleReader
{
    /// <summary>The inputs of a micro-batch, or its targets: int64 (sequences, context), in the caller's scope.</summary>
    /// <param name="batch">As in <see cref="ISamples.Read"/>.</param>
    public static Tensor Read(this ISamples samples, bool validation, long batch, int microBatch, bool targets, Device device)
    {
        var tokens = new long[samples.SequencesPerMicroBatch * samples.Context];
        samples.Read(validation, batch, microBatch, targets, tokens);
        return tensor(tokens, [samples.SequencesPerMicroBatch, samples.Context], device: device);
    }

    /// <summary>Where documents begin in a micro-batch: bool (sequences, context), in the caller's scope.</summary>
    /// <param name="batch">As in <see cref="ISamples.Read"/>.</param>
    public static Tensor ReadStarts(this ISamples samples, bool validation, long batch, int microBatch, Device device)
    {
        var starts = new bool[samples.TokensPerMicroBatch];
        samples.ReadStarts(validation, batch, microBatch, starts);
        return tensor(starts, [samples.SequencesPerMicroBatch, samples.Context], device: device);
    }
}
