using System.Net.Sockets;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.StandIns;

/// <summary>The receiving ends of loops without the plane.</summary>
internal sealed class TransportConnections : IDisposable
{
    private readonly List<Stream> streams = [];
    private readonly List<Thread> threads = [];

    /// <param name="listening">Where the second process dials.</param>
    public TransportConnections(Socket listening, int count, TlsIdentity? identity)
    {
        for (var i = 0; i < count; i++)
        {
            streams.Add(TransportSockets.Accept(listening, identity));
        }

        if (listening.LocalEndPoint is UnixDomainSocketEndPoint path)
        {
            File.Delete($"{path}");
        }
    }

    /// <summary>Runs on each connection, with a thread of its own, until its end.</summary>
    public void Loop(Action<Stream> work) => streams.ForEach(stream => threads.Add(TransportSockets.Loop(stream, work)));

    public void Dispose()
    {
        streams.ForEach(stream => stream.Dispose());
        threads.ForEach(thread => thread.Join());
    }
}
