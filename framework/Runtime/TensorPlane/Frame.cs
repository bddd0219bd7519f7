using static TorchSharp.torch;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Tensors on their way between two workers. Whoever holds the frame owns the tensors: the receiver takes them, or the path that
/// drops the frame disposes them.</summary>
/// <param name="Payload">Of any types and shapes.</param>
/// <param name="SentAt">Stopwatch ticks of the process that holds the frame.</param>
internal sealed record Frame(long Epoch, FrameKey Key, IReadOnlyList<Tensor> Payload, long SentAt) : IDisposable
{
    /// <summary>What is to happen to it on the wire; it does not travel.</summary>
    public WireDamage Damage { get; init; }

    /// <summary>The tensor of a frame that carries one.</summary>
    public Tensor Single => Payload.Count == 1 ? Payload[0] : throw new InvalidDataException($"{Key} has {Payload.Count} tensors, not 1.");

    public void Dispose()
    {
        foreach (var tensor in Payload)
        {
            tensor.Dispose();
        }
    }
}
