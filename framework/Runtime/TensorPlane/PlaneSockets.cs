using System.Net;
using System.Net.Sockets;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>The sockets of the plane.</summary>
internal static class PlaneSockets
{
    private const int Waiting = 128;

    /// <summary>Of a Unix domain socket: what is under way stays in the processor's cache.</summary>
    private const int UnixBuffer = 1 << 19;

    /// <exception cref="IOException">The address cannot be listened on.</exception>
    public static Socket ListenTcp(string host, int port)
    {
        Socket? socket = null;
        try
        {
            var address = IPAddress.TryParse(host, out var literal) ? literal : Dns.GetHostAddresses(host)[0];
            socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Waiting);
            return socket;
        }
        catch (SocketException problem)
        {
            socket?.Dispose();
            throw new IOException($"The tensor plane cannot listen on {host}:{port}: {problem.Message}.", problem);
        }
    }

    /// <returns>Null where there are no Unix domain sockets, or the path is too long for one.</returns>
    public static Socket? ListenUnix(string path)
    {
        var socket = (Socket?)null;
        try
        {
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(Waiting);
            return socket;
        }
        catch (Exception problem) when (problem is SocketException or ArgumentException or PlatformNotSupportedException)
        {
            socket?.Dispose();
            return null;
        }
    }

    /// <exception cref="SocketException">Nobody answers.</exception>
    public static Socket DialTcp(string host, int port, CancellationToken stop) =>
        Dial(new Socket(SocketType.Stream, ProtocolType.Tcp), socket => socket.Connect(host, port), stop);

    /// <exception cref="SocketException">Nobody answers.</exception>
    public static Socket DialUnix(string path, CancellationToken stop) => Dial(
        new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), socket => socket.Connect(new UnixDomainSocketEndPoint(path)), stop);

    public static void Prepare(Socket socket)
    {
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true;
        }
        else
        {
            socket.SendBufferSize = UnixBuffer;
        }
    }

    /// <summary>The bytes of a connected socket, which the stream does not own.</summary>
    public static Stream Open(Socket socket) => GatheringStream.IsSupported ? new GatheringStream(socket) : new NetworkStream(socket);

    public static string Describe(Socket socket) => socket.AddressFamily == AddressFamily.Unix ? "this machine" : $"{socket.RemoteEndPoint}";

    private static Socket Dial(Socket socket, Action<Socket> connect, CancellationToken stop)
    {
        try
        {
            using var cancel = stop.Register(socket.Dispose);
            Prepare(socket);
            connect(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            stop.ThrowIfCancellationRequested();
            throw;
        }
    }
}
