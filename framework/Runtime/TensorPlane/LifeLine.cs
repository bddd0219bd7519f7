namespace Pipeline.Runtime.TensorPlane;

/// <summary>The receiver of a link that carries nothing: its end tells that the peer is gone.</summary>
/// <param name="cut">Told why, in one sentence, on a thread of the link.</param>
internal sealed class LifeLine(Action<string> cut) : ILinkReceiver
{
    public void Receive(Frame frame) => frame.Dispose();

    public void Receive(Credit credit)
    {
    }

    public void Lost(int worker, string reason) => cut(reason);
}
