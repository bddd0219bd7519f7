namespace Pipeline.Runtime.TensorPlane;

/// <summary>One worker's way to another. Neither call blocks or waits for the peer; what is sent arrives once, or the link is lost and its
/// receiver told.</summary>
internal interface ITensorLink : IDisposable
{
    /// <summary>Hands a frame over. It is the link's from here on, which disposes its tensors when they have arrived or cannot.</summary>
    void Send(Frame frame);

    void Send(Credit credit);

    /// <summary>Ends the link at once: what has not arrived counts no more. Its receiver is not told.</summary>
    void Abandon();
}
