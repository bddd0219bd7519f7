using System.Net.Sockets;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Closes a socket that takes too long, however it spreads its bytes over the time.</summary>
internal sealed class TimeLimit(Socket socket) : IDisposable
{
    private Timer? timer;

    /// <summary>The socket was closed.</summary>
    public bool IsOver { get; private set; }

    public void Start(TimeSpan time) => timer = new(
        _ =>
        {
            IsOver = true;
            socket.Dispose();
        },
        null, time, Timeout.InfiniteTimeSpan);

    public void Stop() => timer?.Dispose();

    public void Dispose() => Stop();
}
