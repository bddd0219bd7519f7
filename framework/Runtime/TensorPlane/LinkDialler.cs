using System.Net.Sockets;
using System.Security.Authentication;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Opens one link's connections. Blocks the calling thread.</summary>
internal sealed class LinkDialler(PlaneSettings settings, PlaneAddress peer, LinkName name, CancellationToken stop)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Guid attempt = Guid.NewGuid();

    /// <returns>The connections, and the peer's address for people.</returns>
    /// <exception cref="RefusedException">The peer does not take the link.</exception>
    /// <exception cref="IOException">The peer cannot be reached, or went away.</exception>
    /// <exception cref="OperationCanceledException">Nobody listened until then, or the peer did not answer.</exception>
    public (IReadOnlyList<OpenConnection> Connections, string Address) Dial()
    {
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                if (peer.Host == settings.Host && peer.SocketPath is { } path && TryUnix(path) is { } first)
                {
                    return (Open(1, number => number == 0 ? first : PlaneSockets.DialUnix(path, stop), null), path);
                }

                var streams = Math.Clamp(settings.TcpStreams, 1, PlaneLimits.Streams);
                return (Open(streams, _ => PlaneSockets.DialTcp(peer.Host, peer.Port, stop), settings.Tls), $"{peer.Host}:{peer.Port}");
            }
            catch (SocketException nobody) when (nobody.SocketErrorCode == SocketError.ConnectionRefused)
            {
                stop.WaitHandle.WaitOne(Pause);
            }
            catch (SocketException problem)
            {
                throw new IOException($"{LinkName.Describe(name.Listener, begins: true)} at {peer.Host}:{peer.Port} cannot be reached: {problem.Message}.", problem);
            }
        }
    }

    private Socket? TryUnix(string path)
    {
        try
        {
            return File.Exists(path) ? PlaneSockets.DialUnix(path, stop) : null;
        }
        catch (SocketException)
        {
            return null;   // a container's host may have the same name, or its process may be gone
        }
    }

    /// <summary>Two connections a stream, one for either direction.</summary>
    private List<OpenConnection> Open(int streams, Func<int, Socket> dial, TlsIdentity? identity)
    {
        var open = new List<OpenConnection>(2 * streams);
        try
        {
            for (var number = 0; number < 2 * streams; number++)
            {
                open.Add(Greet(dial(number), identity, number, 2 * streams));
            }

            return open;
        }
        catch
        {
            open.ForEach(connection => connection.Dispose());
            throw;
        }
    }

    private OpenConnection Greet(Socket socket, TlsIdentity? identity, int number, int connections)
    {
        using var cancel = stop.Register(socket.Dispose);
        Stream? stream = null;
        try
        {
            stream = PlaneSockets.Open(socket);
            stream = identity is null ? stream : PlaneTls.Dial(stream, identity, peer.Host);
            Span<byte> hello = stackalloc byte[Hello.Size];
            new Hello(name, attempt, number, connections).Write(hello);
            stream.Write(hello);
            var answer = stream.ReadByte();
            return answer == 0
                ? new(socket, stream, MonotonicClock.Ask(stream))
                : throw (answer < 0 ? NoAnswer(identity) : new RefusedException((Refusal)(answer - 1), Because((Refusal)(answer - 1))));
        }
        catch (Exception problem)
        {
            stream?.Dispose();
            socket.Dispose();
            stop.ThrowIfCancellationRequested();
            throw problem switch
            {
                RefusedException { Reason: Refusal.Certificate } => new RefusedException(
                    Refusal.Certificate, $"The certificate of {LinkName.Describe(name.Listener)} at {peer.Host}:{peer.Port} is not believed: {problem.Message}."),
                RefusedException => problem,
                IOException or AuthenticationException or ObjectDisposedException => NoAnswer(identity),
                _ => problem,
            };
        }
    }

    private RefusedException NoAnswer(TlsIdentity? identity) => new(Refusal.Silent, string.Concat(
        $"{LinkName.Describe(name.Listener, begins: true)} at {peer.Host}:{peer.Port} ended the connection without an answer",
        identity is null ? "; it may expect TLS." : "; it may not believe this node's certificate."));

    private string Because(Refusal reason) => $"{LinkName.Describe(name.Listener, begins: true)} at {peer.Host}:{peer.Port} refused the link: " + reason switch
    {
        Refusal.Version => "it speaks another version of the protocol.",
        Refusal.Secret => "this worker does not know the run's secret.",
        Refusal.Epoch => $"epoch {name.Epoch} is over.",
        Refusal.Unexpected => "nobody there waits for it.",
        Refusal.Busy => "too many connections wait there already.",
        _ => "it did not understand the greeting.",
    };
}
