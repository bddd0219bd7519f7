namespace Pipeline.Runtime.TensorPlane;

/// <summary>What one connection has to send, in the order in which it goes: what the peer needs to go on first, then frames. Any thread adds;
/// the writer takes, or who has its place for a moment.</summary>
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

    /// <summary>More waits than an acknowledgement.</summary>
    public bool HasMessages
    {
        get
        {
            lock (gate)
            {
                return urgent.Count + frames.Count > 0;
            }
        }
    }

    /// <summary>Takes the frame over; where nothing is sent any more, disposes it. Nobody is woken: see <see cref="TryEnter"/>.</summary>
    public void Add(Frame frame)
    {
        lock (gate)
        {
            if (!ends)
            {
                frames.Enqueue(frame);
                return;
            }
        }

        frame.Dispose();
    }

    public void Add(Outgoing message)
    {
        lock (gate)
        {
            urgent.Enqueue(message);
        }
    }

    /// <summary>Takes the writer's place, until <see cref="Leave"/>.</summary>
    /// <returns>False where the writer is at work, and will see what was added, or nothing waits or may be sent.</returns>
    public bool TryEnter()
    {
        lock (gate)
        {
            return !isBusy && !isClosed && IsWaiting && (isBusy = true);
        }
    }

    /// <summary>Gives the writer its place back, and wakes it for what is left.</summary>
    public void Leave()
    {
        lock (gate)
        {
            isBusy = false;
            if (ends || IsWaiting)
            {
                Monitor.Pulse(gate);
            }
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

    /// <summary>What would be taken next; a message without content where there is none.</summary>
    public Outgoing Peek()
    {
        lock (gate)
        {
            return acknowledge > acknowledged ? new(MessageKind.Acknowledgement, acknowledge)
                : urgent.TryPeek(out var message) ? message
                : frames.TryPeek(out var frame) ? new(MessageKind.Tensors, Frame: frame)
                : default;
        }
    }

    /// <returns>A message without content when nothing waits.</returns>
    public Outgoing Take()
    {
        lock (gate)
        {
            return isClosed ? default : Next();
        }
    }

    /// <summary>Waits for something to send, or for the writer's place.</summary>
    /// <returns>Null at the end: everything was sent and nothing will follow, or nothing is to be sent any more.</returns>
    public Outgoing? Await(Func<bool> isThrough)
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

                if (!isBusy && IsWaiting)
                {
                    isBusy = true;
                    return Next();
                }

                if (!isBusy && ends && isThrough())
                {
                    return null;
                }

                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>The peer has acknowledged something: the writer may wait for that to say goodbye.</summary>
    public void Acknowledged()
    {
        lock (gate)
        {
            if (ends)
            {
                Monitor.Pulse(gate);
            }
        }
    }

    private bool IsWaiting => acknowledge > acknowledged || urgent.Count > 0 || frames.Count > 0;

    private Outgoing Next()
    {
        if (acknowledge > acknowledged)
        {
            acknowledged = acknowledge;
            return new(MessageKind.Acknowledgement, acknowledge);
        }

        return urgent.TryDequeue(out var message) ? message : frames.TryDequeue(out var frame) ? new(MessageKind.Tensors, Frame: frame) : default;
    }
}
