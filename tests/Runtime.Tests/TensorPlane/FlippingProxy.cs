using System.Net;
using System.Net.Sockets;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>Between a dialler and a listener: flips one bit of each byte whose position in what the dialler sends is asked for.</summary>
internal sealed class FlippingProxy : IDisposable
{
    /// <summary>Where the first message begins: after the greeting and the comparison of clocks.</summary>
    public const int Messages = Hello.Size + (9 * sizeof(long));

    private readonly Socket listening = PlaneSockets.ListenTcp("127.0.0.1", 0);
    private readonly List<Socket> sockets = [];

    public FlippingProxy(PlaneAddress listener, params long[] flips)
    {
        var thread = new Thread(() => Run(listener, flips)) { IsBackground = true };
        thread.Start();
    }

    public PlaneAddress Address => new("127.0.0.1", ((IPEndPoint)listening.LocalEndPoint!).Port, null);

    /// <summary>Cuts both ends off, as a dying machine does.</summary>
    public void Cut()
    {
        lock (sockets)
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    public void Dispose()
    {
        listening.Dispose();
        Cut();
    }

    private void Run(PlaneAddress listener, long[] flips)
    {
        try
        {
            // The first connection is the one that the dialler sends on.
            for (var ofConnection = flips; ; ofConnection = [])
            {
                var dialler = listening.Accept();
                var onward = PlaneSockets.DialTcp(listener.Host, listener.Port, CancellationToken.None);
                lock (sockets)
                {
                    sockets.AddRange([dialler, onward]);
                }

                var flipped = ofConnection;
                new Thread(() => Pump(onward, dialler, [])) { IsBackground = true }.Start();
                new Thread(() => Pump(dialler, onward, flipped)) { IsBackground = true }.Start();
            }
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
        }
    }

    private static void Pump(Socket from, Socket to, long[] flips)
    {
        try
        {
            var buffer = new byte[1 << 16];
            for (var position = 0L; from.Receive(buffer) is > 0 and var count; position += count)
            {
                foreach (var flip in flips.Where(flip => flip >= position && flip < position + count))
                {
                    buffer[flip - position] ^= 4;
                }

                to.Send(buffer, count, SocketFlags.None);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
        }
    }
}
