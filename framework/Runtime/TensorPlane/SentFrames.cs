namespace Pipeline.Runtime.TensorPlane;

/// <summary>The frames of one connection that were sent and have not been acknowledged: their tensors may be needed once more. The writer adds,
/// the reader acknowledges, both at once.</summary>
internal sealed class SentFrames : IDisposable
{
    private readonly Lock gate = new();
    private readonly Queue<(long Sequence, Frame Frame)> frames = [];
    private readonly HashSet<long> askedFor = [];
    private long acknowledged = -1;
    private long underPen = long.MaxValue;
    private long newest = -1;

    public bool IsEmpty
    {
        get
        {
            lock (gate)
            {
                return frames.Count == 0;
            }
        }
    }

    /// <summary>Before a frame is written the first time. Until <see cref="Written"/>, no acknowledgement frees it.</summary>
    public void Add(long sequence, Frame frame)
    {
        lock (gate)
        {
            frames.Enqueue((sequence, frame));
            (newest, underPen) = (sequence, sequence);
        }
    }

    /// <summary>Before a frame is written again.</summary>
    /// <returns>Null when it is gone.</returns>
    public Frame? Again(long sequence)
    {
        lock (gate)
        {
            var frame = frames.FirstOrDefault(sent => sent.Sequence == sequence).Frame;
            underPen = frame is null ? underPen : sequence;
            return frame;
        }
    }

    public void Written()
    {
        lock (gate)
        {
            underPen = long.MaxValue;
            Free();
        }
    }

    /// <summary>All messages up to this one have arrived.</summary>
    /// <exception cref="RefusedException">More than was sent.</exception>
    public void Acknowledge(long through, long written)
    {
        if (through > written)
        {
            throw new RefusedException(Refusal.Sequence, $"message {through} was acknowledged, which was never sent");
        }

        lock (gate)
        {
            acknowledged = Math.Max(acknowledged, through);
            Free();
        }
    }

    /// <exception cref="RefusedException">The peer asks for something that it cannot miss, or for the second time.</exception>
    public void AskAgain(long sequence)
    {
        lock (gate)
        {
            if (sequence <= acknowledged || sequence > newest || !askedFor.Add(sequence) || !frames.Any(sent => sent.Sequence == sequence))
            {
                throw new RefusedException(Refusal.Sequence, $"message {sequence} was asked for once more without need");
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            while (frames.TryDequeue(out var sent))
            {
                sent.Frame.Dispose();
            }
        }
    }

    private void Free()
    {
        while (frames.TryPeek(out var sent) && sent.Sequence <= acknowledged && sent.Sequence < underPen)
        {
            askedFor.Remove(sent.Sequence);
            frames.Dequeue().Frame.Dispose();
        }
    }
}
