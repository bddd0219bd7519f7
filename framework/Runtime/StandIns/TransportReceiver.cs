using System.Diagnostics;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.StandIns;

/// <summary>Counts what arrives and gives a credit for it; or sends a tensor forth and back and keeps the times.</summary>
internal sealed class TransportReceiver(bool isRoundTrip, int bytes) : ILinkReceiver, IDisposable
{
    private readonly ManualResetEventSlim ready = new();
    private ITensorLink? link;
    private long received;
    private long sentAt;

    public long Received => Volatile.Read(ref received);

    /// <summary>Seconds there and back; read it after the link's end.</summary>
    public List<double> Times { get; } = [];

    public string? Failure { get; private set; }

    public void Begin(ITensorLink over)
    {
        link = over;
        ready.Set();
        if (isRoundTrip)
        {
            Send();
        }
    }

    public void Receive(Frame frame)
    {
        ready.Wait();
        Interlocked.Add(ref received, bytes);
        frame.Dispose();
        if (isRoundTrip)
        {
            Times.Add(Stopwatch.GetElapsedTime(sentAt).TotalSeconds);
            Send();
        }
        else
        {
            link!.Send(new Credit(0, default, 0));
        }
    }

    public void Receive(Credit credit)
    {
    }

    public void Lost(int worker, string reason) => Failure = reason;

    public void Dispose() => ready.Dispose();

    private void Send()
    {
        var tensor = TensorMemory.Allocate(ScalarType.Byte, [bytes]);
        sentAt = Stopwatch.GetTimestamp();
        link!.Send(new Frame(0, default, [tensor], sentAt));
    }
}
