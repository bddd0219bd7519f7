using System.Net.Sockets;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>A connection whose two ends have greeted each other.</summary>
/// <param name="Stream">The socket's, or TLS over it.</param>
/// <param name="ClockOffset">The peer's monotonic clock less ours, in nanoseconds.</param>
internal sealed record OpenConnection(Socket Socket, Stream Stream, long ClockOffset) : IDisposable
{
    public void Dispose()
    {
        Stream.Dispose();
        Socket.Dispose();
    }
}
