using System.Net.Sockets;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>One of a link's connections, with a thread that reads and one that writes. A reader never writes: two peers that both wrote and did
/// not read would wait for each other.</summary>
internal sealed class LinkConnection : IDisposable
{
    /// <summary>After so many messages or bytes the writer is woken, to send acknowledgements and what receivers gave to send meanwhile, if
    /// the connection has not fallen silent before. Waking it for each message would cost more than small messages do.</summary>
    private const int MostMessages = 16;

    private const long MostBytes = 1 << 20;

    private readonly SocketLink link;
    private readonly OpenConnection connection;
    private readonly MessageReader reader;
    private readonly MessageWriter writer;
    private readonly Outbox outbox = new();
    private readonly SentFrames sent = new();
    private readonly SortedSet<long> damaged = [];
    private Thread? readerThread;
    private int messages;
    private long bytes;

    public LinkConnection(SocketLink link, OpenConnection connection, LinkName name, bool isDialler, long maximumBytes)
    {
        (this.link, this.connection) = (link, connection);
        reader = new(connection.Stream, name, !isDialler, maximumBytes);
        writer = new(connection.Stream, name, isDialler);
    }

    public int Waiting => outbox.Waiting;

    public void Send(Frame frame) => outbox.Add(frame, Thread.CurrentThread != readerThread);

    public void Send(Credit credit) => outbox.Add(new Outgoing(MessageKind.Credit, Credit: credit), Thread.CurrentThread != readerThread);

    /// <summary>Sends what waits, then says goodbye.</summary>
    public void End() => outbox.End();

    /// <summary>Sends nothing more; both threads end at once.</summary>
    public void Close()
    {
        outbox.Dispose();
        connection.Socket.Dispose();
    }

    /// <summary>After both threads.</summary>
    public void Dispose()
    {
        outbox.Dispose();
        sent.Dispose();
        connection.Stream.Dispose();
        connection.Socket.Dispose();
    }

    /// <summary>The reader's thread: until the peer says goodbye, the connection breaks or something is refused.</summary>
    public void Read()
    {
        readerThread = Thread.CurrentThread;
        while (true)
        {
            WakeWriter();
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
                    break;
                case MessageKind.Retransmission:
                    sent.AskAgain(header.Reference);
                    outbox.Add(new Outgoing(MessageKind.Tensors, header.Reference), wake: false);
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
            while (true)
            {
                var next = outbox.Take(wait: false, () => sent.IsEmpty);
                if (next is { Kind: 0 })
                {
                    writer.Flush();
                    next = outbox.Take(wait: true, () => sent.IsEmpty);
                }

                if (next is null)
                {
                    break;
                }

                Write(next.Value);
            }

            writer.Write(MessageKind.Goodbye, 0);
            writer.Flush();
            connection.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception broken) when (broken is IOException or SocketException or ObjectDisposedException)
        {
            // What the peer said before it went is still to be read, perhaps a goodbye: the reader tells how the link ended.
            outbox.Dispose();
            try
            {
                connection.Socket.Shutdown(SocketShutdown.Both);
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
            {
            }
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
            link.Deliver(new Frame(header.Epoch, header.Key, tensors, MonotonicClock.ToTicks(unchecked(header.SentAt - connection.ClockOffset))));
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
        outbox.Add(new Outgoing(MessageKind.Retransmission, header.Sequence), wake: false);
    }

    private void WakeWriter()
    {
        if (messages > 0 && (messages >= MostMessages || bytes >= MostBytes || (reader.IsEmpty && connection.Socket.Available == 0)))
        {
            (messages, bytes) = (0, 0);
            outbox.Wake();
        }
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
        writer.Write(frame, MonotonicClock.ToNanoseconds(frame.SentAt), original);
        sent.Written();
    }

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
