using System.Net.Sockets;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>One of a link's streams, with a thread that reads and one that writes. A reader writes only what cannot block it: two peers that both
/// wrote and did not read would wait for each other. Each direction has a connection of its own: on a shared one the kernel wakes a thread that waits to read
/// whenever the peer has taken some of what the other thread wrote (for Unix sockets some twenty times in 4 MiB).</summary>
internal sealed class LinkStream : IDisposable
{
    /// <summary>After so many messages or bytes they are acknowledged.</summary>
    private const int MostMessages = 16;

    private const long MostBytes = 1 << 20;

    /// <summary>Microseconds that an acknowledgement waits for something to go along with: nobody waits for it, and a message of its own wakes the
    /// peer's reader.</summary>
    private const int Patience = 5000;

    /// <summary>A socket that has room takes so much at once.</summary>
    private const long MostDirectBytes = 128 << 10;

    private readonly SocketLink link;
    private readonly OpenConnection incoming;
    private readonly OpenConnection outgoing;
    private readonly MessageReader reader;
    private readonly MessageWriter writer;
    private readonly Outbox outbox = new();
    private readonly SentFrames sent = new();
    private readonly SortedSet<long> damaged = [];
    private Thread? readerThread;
    private int messages;
    private long bytes;

    /// <param name="incoming">The stream's from here on, as <paramref name="outgoing"/> is.</param>
    public LinkStream(SocketLink link, OpenConnection incoming, OpenConnection outgoing, LinkName name, bool isDialler, long maximumBytes)
    {
        (this.link, this.incoming, this.outgoing) = (link, incoming, outgoing);
        reader = new(incoming.Stream, name, !isDialler, maximumBytes);
        writer = new(outgoing.Stream, name, isDialler);
    }

    public int Waiting => outbox.Waiting;

    /// <summary>The calling thread is its reader.</summary>
    public bool IsRead => Thread.CurrentThread == readerThread;

    public void Send(Frame frame)
    {
        outbox.Add(frame);
        SendFromOutside();
    }

    public void Send(Credit credit)
    {
        outbox.Add(new Outgoing(MessageKind.Credit, Credit: credit));
        SendFromOutside();
    }

    /// <summary>Sends what waits, then says goodbye.</summary>
    public void End() => outbox.End();

    /// <summary>Sends nothing more; both threads end at once.</summary>
    public void Close()
    {
        outbox.Dispose();
        incoming.Socket.Dispose();
        outgoing.Socket.Dispose();
    }

    /// <summary>After both threads.</summary>
    public void Dispose()
    {
        outbox.Dispose();
        sent.Dispose();
        incoming.Dispose();
        outgoing.Dispose();
    }

    /// <summary>The reader's thread: until the peer says goodbye, the connection breaks or something is refused.</summary>
    public void Read()
    {
        readerThread = Thread.CurrentThread;
        while (true)
        {
            Answer();
            var (header, shapes) = reader.Next();
            messages++;
            bytes += header.PayloadBytes;
            switch (header.Kind)
            {
                case MessageKind.Tensors:
                    Read(header, shapes);
                    break;
                case MessageKind.Credit:
                    link.Deliver(new Credit(header.Epoch, header.Key.Kind, header.Key.Stage));
                    break;
                case MessageKind.Acknowledgement:
                    sent.Acknowledge(header.Reference, writer.Sequence - 1);
                    outbox.Acknowledged();
                    break;
                case MessageKind.Retransmission:
                    sent.AskAgain(header.Reference);
                    outbox.Add(new Outgoing(MessageKind.Tensors, header.Reference));
                    break;
                default:
                    outbox.Dispose();
                    return;
            }
        }
    }

    /// <summary>The writer's thread: until everything is sent and acknowledged, or nothing is to be sent any more.</summary>
    public void Write()
    {
        try
        {
            while (outbox.Await(() => sent.IsEmpty) is { } first)
            {
                for (var next = first; next.Kind != 0; next = outbox.Take())
                {
                    Write(next);
                }

                writer.Flush();
            }

            writer.Write(MessageKind.Goodbye, 0);
            writer.Flush();
            outgoing.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception broken) when (IsBroken(broken))
        {
            Break();
        }
    }

    /// <summary>Sends what waits from this thread where that cannot block it, because it is little and the connection has room; else the writer
    /// does. Waking that costs more than a small write, and on a machine whose cores all compute it takes the place of a stage.</summary>
    private void SendNow()
    {
        if (!outbox.TryEnter())
        {
            return;
        }

        try
        {
            if (outgoing.Socket.Poll(0, SelectMode.SelectWrite))
            {
                var left = MostDirectBytes;
                while ((left -= DirectBytes(outbox.Peek())) >= 0 && outbox.Take() is { Kind: not 0 } next)
                {
                    Write(next);
                }

                writer.Flush();
            }
        }
        catch (Exception broken) when (IsBroken(broken))
        {
            Break();
        }
        finally
        {
            outbox.Leave();
        }
    }

    /// <summary>What a receiver gives to send while it is called goes with the next <see cref="Answer"/>.</summary>
    private void SendFromOutside()
    {
        if (!IsRead)
        {
            SendNow();
        }
    }

    /// <summary>Sends what receivers gave to send while they were called, and acknowledgements that nothing has taken along: when the stream has been
    /// silent for a while, but at the latest after so much, for doing it for each message would cost more than small messages do.</summary>
    private void Answer()
    {
        if (messages > 0 && (messages >= MostMessages || bytes >= MostBytes || IsSilent()))
        {
            (messages, bytes) = (0, 0);
            SendNow();
        }
    }

    /// <summary>TLS may have taken messages from the socket that it has not given out yet: to wait for the socket would be to wait for the next.</summary>
    private bool IsSilent() =>
        reader.IsEmpty && !incoming.Socket.Poll(outbox.HasMessages || incoming.Stream is not NetworkStream ? 0 : Patience, SelectMode.SelectRead);

    private static bool IsBroken(Exception problem) => problem is IOException or SocketException or ObjectDisposedException;

    /// <summary>Nothing can be sent any more. What the peer said before it went is still to be read, perhaps a goodbye: the reader tells how the
    /// link ended.</summary>
    private void Break()
    {
        outbox.Dispose();
        try
        {
            incoming.Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
        }
    }

    private void Read(MessageHeader header, TensorShape[] shapes)
    {
        var isAgain = header.Reference != header.Sequence;
        if (isAgain && !damaged.Contains(header.Reference))
        {
            throw new RefusedException(Refusal.Sequence, $"message {header.Reference} arrived again without need");
        }

        if (reader.ReadTensors(shapes) is { } tensors)
        {
            damaged.Remove(header.Reference);
            link.Deliver(new Frame(header.Epoch, header.Key, tensors, MonotonicClock.ToTicks(unchecked(header.SentAt - incoming.ClockOffset))));
            outbox.Acknowledge(damaged.Count > 0 ? damaged.Min - 1 : header.Sequence);
            return;
        }

        var sentence = $"{header.Key} arrived damaged";
        if (isAgain || damaged.Count == MostMessages)
        {
            throw new RefusedException(Refusal.Payload, isAgain ? $"{sentence} for the second time" : $"{sentence} like {MostMessages} others before");
        }

        link.Count(Refusal.Payload, sentence);
        damaged.Add(header.Sequence);
        outbox.Add(new Outgoing(MessageKind.Retransmission, header.Sequence));
    }

    private void Write(Outgoing message)
    {
        switch (message)
        {
            case { Kind: MessageKind.Tensors, Frame: { } frame }:
                var local = Localize(frame);
                sent.Add(writer.Sequence, local);
                Write(local, writer.Sequence);
                break;
            case { Kind: MessageKind.Tensors }:
                if (sent.Again(message.Reference) is { } again)
                {
                    Write(again, message.Reference);
                }

                break;
            case { Credit: { } credit }:
                writer.Write(credit);
                break;
            default:
                writer.Write(message.Kind, message.Reference);
                break;
        }
    }

    private void Write(Frame frame, long original)
    {
        if (frame.Damage == WireDamage.Dropped)
        {
            writer.LeaveOut();
        }
        else
        {
            var flips = frame.Damage == WireDamage.FlippedTwice || (frame.Damage == WireDamage.Flipped && original == writer.Sequence);
            writer.Write(frame, MonotonicClock.ToNanoseconds(frame.SentAt), original, flips);
        }

        sent.Written();
    }

    /// <summary>Of a message's payload. What must be copied first, or was damaged, which may be large, is for the writer.</summary>
    private static long DirectBytes(Outgoing message) => message switch
    {
        { Kind: not MessageKind.Tensors } => 0,
        { Frame: { } frame } when frame.Payload.All(TensorMemory.IsLocal) => frame.Payload.Sum(tensor => tensor.numel() * tensor.ElementSize),
        _ => long.MaxValue,
    };

    private static Frame Localize(Frame frame)
    {
        var tensors = new List<Tensor>(frame.Payload);
        try
        {
            for (var i = 0; i < tensors.Count; i++)
            {
                tensors[i] = TensorMemory.Localize(tensors[i]);
            }

            return frame with { Payload = tensors };
        }
        catch
        {
            tensors.ForEach(tensor => tensor.Dispose());
            throw;
        }
    }
}
