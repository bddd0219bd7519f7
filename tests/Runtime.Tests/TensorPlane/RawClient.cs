using System.Net.Sockets;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>A dialler that sends whatever a test wants.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly PlaneAddress to;
    private readonly Socket socket;
    private RawClient? other;   // the connection that the listener sends on

    public RawClient(PlaneAddress to)
    {
        this.to = to;
        socket = PlaneSockets.DialTcp(to.Host, to.Port, CancellationToken.None);
        socket.ReceiveTimeout = 20_000;
        Stream = new NetworkStream(socket, ownsSocket: true);
    }

    public Stream Stream { get; }

    /// <returns>What the listener answers: 0 for welcome, 1 more than the refusal, -1 for nothing.</returns>
    public int Greet(LinkName name, int? version = null)
    {
        var attempt = Guid.NewGuid();
        var answer = Greet(name, attempt, 0, version);
        if (answer == 0)
        {
            other = new(to);
            other.Greet(name, attempt, 1, version);
        }

        return answer;
    }

    public int Answer()
    {
        try
        {
            return Stream.ReadByte();
        }
        catch (IOException)
        {
            return -1;
        }
    }

    /// <summary>The bytes of frames, the first with sequence number 0.</summary>
    public static byte[] Bytes(LinkName name, params Frame[] frames)
    {
        using var memory = new MemoryStream();
        var writer = new MessageWriter(memory, name, fromDialler: true);
        foreach (var frame in frames)
        {
            using (frame)
            {
                writer.Write(frame, 0, writer.Sequence);
            }
        }

        writer.Flush();
        return memory.ToArray();
    }

    public void Dispose()
    {
        Stream.Dispose();
        other?.Dispose();
    }

    private int Greet(LinkName name, Guid attempt, int connection, int? version)
    {
        var hello = new byte[Hello.Size];
        new Hello(name, attempt, connection, 2).Write(hello);
        hello[8] = (byte)(version ?? hello[8]);
        Stream.Write(hello);
        var answer = Answer();
        if (answer == 0)
        {
            MonotonicClock.Ask(Stream);
        }

        return answer;
    }
}
