namespace Pipeline.Runtime.TensorPlane;

/// <summary>What one connection has to send, in the order in which it goes: what the peer needs to go on first, then frames. Any thread adds,
/// the writer takes.</summary>
internal sealed class Outbox : IDisposable
{
    private readonly object gate = new();
    private readonly Queue<Outgoing> urgent = [];
    private readonly Queue<Frame> frames = [];
    private long acknowledge = -1;
    private long acknowledged = -1;
    private bool ends;
    private bool isClosed;
    private bool isBusy;

    /// <summary>Frames that wait, and the one that is being written.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
            {
                return frames.Count + (isBusy ? 1 : 0);
            }
        }
    }

    /// <summary>Takes the frame over; where nothing is sent any more, disposes it.</summary>
    /// <param name="wake">The writer; without it, somebody wakes it soon.</param>
    public void Add(Frame frame, bool wake)
    {
        lock (gate)
        {
            if (!ends)
            {
                frames.Enqueue(frame);
                Wake(wake);
                return;
            }
        }

        frame.Dispose();
    }

    public void Add(Outgoing message, bool wake)
    {
        lock (gate)
        {
            urgent.Enqueue(message);
            Wake(wake);
        }
    }

    /// <summary>All messages up to this one have arrived here; the peer is told with what is sent next.</summary>
    public void Acknowledge(long through)
    {
        lock (gate)
        {
            acknowledge = through;
        }
    }

    /// <summary>Nothing is added any more; what waits is still sent.</summary>
    public void End()
    {
        lock (gate)
        {
            ends = true;
            Monitor.Pulse(gate);
        }
    }

    /// <summary>Nothing is sent any more.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            (ends, isClosed) = (true, true);
            while (frames.TryDequeue(out var frame))
            {
                frame.Dispose();
            }

            Monitor.Pulse(gate);
        }
    }

    /// <param name="wait">For something to send; without it, returns a message without content when nothing waits.</param>
    /// <returns>Null at the end: everything was sent and nothing will follow, or nothing is to be sent any more.</returns>
    public Outgoing? Take(bool wait, Func<bool> isThrough)
    {
        lock (gate)
        {
            isBusy = false;
            while (true)
            {
                if (isClosed)
                {
                    return null;
                }

                if (acknowledge > acknowledged)
                {
                    acknowledged = acknowledge;
                    return new(MessageKind.Acknowledgement, acknowledge);
                }

                if (urgent.TryDequeue(out var message))
                {
                    return message;
                }

                if (frames.TryDequeue(out var frame))
                {
                    isBusy = true;
                    return new(MessageKind.Tensors, Frame: frame);
                }

                if (!wait)
                {
                    return default(Outgoing);
                }

                if (ends && isThrough())
                {
                    return null;
                }

                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>Lets the writer look again what there is to do.</summary>
    public void Wake()
    {
        lock (gate)
        {
            Monitor.Pulse(gate);
        }
    }

    private void Wake(bool wake)
    {
        if (wake)
        {
            Monitor.Pulse(gate);
        }
    }
}
