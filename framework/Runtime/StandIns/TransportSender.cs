using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.StandIns;

/// <summary>Sends one tensor again and again, a frame for each credit; or sends back what arrives.</summary>
internal sealed class TransportSender(TransportRequest request) : ILinkReceiver, IDisposable
{
    private readonly ManualResetEventSlim ready = new();
    private readonly ManualResetEventSlim lost = new();
    private readonly Tensor tensor = TensorMemory.Allocate(ScalarType.Byte, [request.Bytes]);
    private ITensorLink? link;

    /// <summary>Until the link ends.</summary>
    public void Run(ITensorLink over)
    {
        link = over;
        ready.Set();
        for (var i = 0; i < Math.Min(TransportPeer.InFlight / request.Bytes, TransportPeer.MostFrames) && !request.IsRoundTrip; i++)
        {
            Receive(default(Credit)!);
        }

        lost.Wait();
    }

    public void Receive(Frame frame)
    {
        ready.Wait();
        link!.Send(frame);
    }

    public void Receive(Credit credit) =>
        link!.Send(new Frame(request.Link.Epoch, default, [tensor.alias().DetachFromDisposeScope()], 0));

    public void Lost(int worker, string reason) => lost.Set();

    public void Dispose()
    {
        tensor.Dispose();
        ready.Dispose();
        lost.Dispose();
    }
}
