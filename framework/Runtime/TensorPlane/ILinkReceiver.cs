namespace Pipeline.Runtime.TensorPlane;

/// <summary>Gets what arrives over a worker's links. Calls come from the links' threads and must return at once.</summary>
internal interface ILinkReceiver
{
    /// <param name="frame">The receiver's from here on.</param>
    void Receive(Frame frame);

    void Receive(Credit credit);

    /// <summary>Nothing more will arrive from that worker.</summary>
    /// <param name="reason">One plain sentence.</param>
    void Lost(int worker, string reason);
}
