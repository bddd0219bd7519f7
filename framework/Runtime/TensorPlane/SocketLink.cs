using System.Diagnostics;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>To a worker of another process, over one or several streams. Frames go over the connection where the fewest wait; their order
/// does not matter, as receivers look them up by key. That of control messages does, and these go over one.</summary>
internal sealed class SocketLink : ITensorLink
{
    private readonly ILinkReceiver receiver;
    private readonly Refusals refusals;
    private readonly int peer;
    private readonly string address;
    private readonly LinkStream[] streams;
    private readonly Thread[] threads;
    private int running;
    private int isDisposed;
    private string? failure;

    /// <param name="isDialler">Which end this is.</param>
    /// <param name="address">The peer's, for people.</param>
    /// <param name="open">The link's from here on: for each stream the dialler's connection to send on, then the listener's.</param>
    /// <param name="maximumBytes">Of a frame.</param>
    public SocketLink(
        LinkName name, bool isDialler, ILinkReceiver receiver, Refusals refusals, string address, IReadOnlyList<OpenConnection> open, long maximumBytes)
    {
        (this.receiver, this.refusals, this.address) = (receiver, refusals, address);
        peer = isDialler ? name.Listener : name.Dialler;
        streams = [.. open.Chunk(2).Select(pair => isDialler
            ? new LinkStream(this, pair[1], pair[0], name, isDialler, maximumBytes)
            : new LinkStream(this, pair[0], pair[1], name, isDialler, maximumBytes))];
        threads = [.. streams.SelectMany((one, i) => new[] { Start(one.Read, $"plane in {peer}.{i}"), Start(one.Write, $"plane out {peer}.{i}") })];
        running = threads.Length;
    }

    /// <summary>Begins to send and to deliver.</summary>
    public void Start() => Array.ForEach(threads, thread => thread.Start());

    public void Send(Frame frame) => (frame.Key.Kind == FrameKind.Control ? streams[0] : Nearest()).Send(frame);

    public void Send(Credit credit) => Nearest().Send(credit);

    /// <summary>For a bounded time, brings out what was sent; nothing is delivered any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }

        Array.ForEach(streams, one => one.End());
        if (threads.Contains(Thread.CurrentThread))
        {
            // A receiver that ends the link from its own call cannot wait for itself.
            _ = Task.Delay(PlaneLimits.GoodbyeTime).ContinueWith(_ => Close(), TaskScheduler.Default);
            return;
        }

        var begin = Stopwatch.GetTimestamp();
        foreach (var thread in threads)
        {
            var left = PlaneLimits.GoodbyeTime - Stopwatch.GetElapsedTime(begin);
            if (!thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero))
            {
                Close();
                thread.Join();
            }
        }
    }

    public void Abandon()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
        {
            Close();
        }
    }

    /// <summary>From a reader.</summary>
    public void Deliver(Frame frame)
    {
        if (Volatile.Read(ref isDisposed) == 0)
        {
            receiver.Receive(frame);
        }
        else
        {
            frame.Dispose();
        }
    }

    /// <summary>From a reader.</summary>
    public void Deliver(Credit credit)
    {
        if (Volatile.Read(ref isDisposed) == 0)
        {
            receiver.Receive(credit);
        }
    }

    /// <summary>Something was refused.</summary>
    public void Count(Refusal reason, string sentence) => refusals.Add(reason, $"From {LinkName.Describe(peer)} at {address}: {sentence}.");

    /// <summary>A receiver's answer goes over the stream that it is called from, so that all streams' threads share the work of a busy link.</summary>
    private LinkStream Nearest() => Array.Find(streams, one => one.IsRead) ?? Idlest();

    private LinkStream Idlest()
    {
        var idlest = streams[0];
        for (var i = 1; i < streams.Length && idlest.Waiting > 0; i++)
        {
            idlest = streams[i].Waiting < idlest.Waiting ? streams[i] : idlest;
        }

        return idlest;
    }

    private Thread Start(Action work, string name) => new(() => Run(work)) { IsBackground = true, Name = name };

    private void Run(Action work)
    {
        try
        {
            work();
        }
        catch (RefusedException refused)
        {
            Count(refused.Reason, refused.Message);
            Fail($"The link to {LinkName.Describe(peer)} at {address} was closed: {refused.Message}.");
        }
        catch (Exception broken) when (broken is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            Fail($"The connection to {LinkName.Describe(peer)} at {address} broke: {broken.Message.TrimEnd('.')}.");
        }
        catch (Exception other)
        {
            Fail($"The link to {LinkName.Describe(peer)} at {address} was closed: {other.Message.TrimEnd('.')}.");
        }

        if (Interlocked.Decrement(ref running) == 0)
        {
            Array.ForEach(streams, one => one.Dispose());
            if (Volatile.Read(ref isDisposed) == 0)
            {
                receiver.Lost(peer, failure ?? $"{LinkName.Describe(peer, begins: true)} at {address} ended its link.");
            }
        }
    }

    private void Fail(string sentence)
    {
        Interlocked.CompareExchange(ref failure, sentence, null);
        Close();
    }

    private void Close() => Array.ForEach(streams, one => one.Close());
}
