using System.Net;
using System.Net.Sockets;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.StandIns;

/// <summary>Connections without the plane, set up as the plane's are.</summary>
internal static class TransportSockets
{
    public const string Unix = "unix";
    public const string Tcp = "tcp";
    public const string Tls = "tls";
    public const string Host = "127.0.0.1";

    public static Socket Listen(string transport, string path) => transport == Unix
        ? PlaneSockets.ListenUnix(path) ?? throw new IOException("This system has no Unix domain sockets.")
        : PlaneSockets.ListenTcp(Host, 0);

    public static PlaneAddress Address(Socket listening, string path) =>
        new(Host, listening.LocalEndPoint is IPEndPoint end ? end.Port : 0, listening.LocalEndPoint is IPEndPoint ? null : path);

    public static Stream Accept(Socket listening, TlsIdentity? identity)
    {
        var socket = listening.Accept();
        PlaneSockets.Prepare(socket);
        var stream = new NetworkStream(socket, ownsSocket: true);
        return identity is null ? stream : PlaneTls.Answer(stream, identity);
    }

    public static Stream Dial(PlaneAddress address, TlsIdentity? identity)
    {
        var socket = address.SocketPath is { } path
            ? PlaneSockets.DialUnix(path, CancellationToken.None)
            : PlaneSockets.DialTcp(address.Host, address.Port, CancellationToken.None);
        var stream = new NetworkStream(socket, ownsSocket: true);
        return identity is null ? stream : PlaneTls.Dial(stream, identity, Host);
    }

    /// <summary>Runs until the other end goes.</summary>
    public static Thread Loop(Stream stream, Action<Stream> work)
    {
        var thread = new Thread(() =>
        {
            try
            {
                using (stream)
                {
                    work(stream);
                }
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException or SocketException)
            {
            }
        })
        { IsBackground = true };
        thread.Start();
        return thread;
    }
}
