using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>Frames that have come to an actor and wait for their use. It owns their tensors.</summary>
internal sealed class FrameInbox
{
    private readonly Dictionary<FrameKey, Frame> frames = [];
    private readonly HashSet<FrameKey> accepted = [];   // of the steps under way, so that none counts twice

    /// <summary>Takes a frame, or says why it has no effect: it then belongs to the caller still.</summary>
    /// <param name="epoch">The actor's.</param>
    /// <param name="step">The last that the actor knows to have been reached.</param>
    /// <param name="isExpected">The actor can be waiting for such a frame.</param>
    /// <returns>One sentence; null when the frame was taken.</returns>
    public string? Take(Frame frame, long epoch, long step, Func<FrameKey, bool> isExpected)
    {
        var reason = frame switch
        {
            _ when frame.Epoch != epoch => $"{frame.Key} is of epoch {frame.Epoch}, and this is epoch {epoch}.",
            // A peer can be one step ahead: it has the commit that this worker has not read yet.
            _ when frame.Key.Step < step || frame.Key.Step > step + 2 => $"{frame.Key} came after step {step}.",
            _ when !isExpected(frame.Key) => $"{frame.Key} is not for a stage of this worker.",
            _ when !accepted.Add(frame.Key) => $"{frame.Key} came twice.",
            _ => null,
        };
        if (reason is null)
        {
            Add(frame);
        }

        return reason;
    }

    /// <summary>Takes a frame of the actor's own.</summary>
    /// <exception cref="InvalidDataException">It has more or fewer tensors than its kind.</exception>
    public void Add(Frame frame)
    {
        var expected = frame.Key.Kind == FrameKind.Carry ? 2 : 1;
        if (frame.Payload.Count != expected)
        {
            frame.Dispose();
            throw new InvalidDataException($"{frame.Key} came with {frame.Payload.Count} tensors, and {expected} is expected");
        }

        frames.Add(frame.Key, frame);
    }

    public bool Contains(FrameKey key) => frames.ContainsKey(key);

    /// <summary>The frame, which is the caller's from here on; null where it has not come.</summary>
    public Frame? Remove(FrameKey key) => frames.Remove(key, out var frame) ? frame : null;

    /// <summary>A step was reached: what was of earlier ones is waited for no more.</summary>
    public void Reach(long step)
    {
        accepted.RemoveWhere(key => key.Step < step);
        foreach (var late in frames.Keys.Where(key => key.Step < step).ToArray())
        {
            Remove(late)!.Dispose();
        }
    }

    public void Clear()
    {
        foreach (var frame in frames.Values)
        {
            frame.Dispose();
        }

        frames.Clear();
    }
}
