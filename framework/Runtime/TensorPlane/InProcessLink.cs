using Akka.Actor;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>To a worker of the same process: by reference, through its mailbox.</summary>
internal sealed class InProcessLink(IActorRef worker) : ITensorLink
{
    public void Send(Frame frame) => worker.Tell(frame);

    public void Send(Credit credit) => worker.Tell(credit);

    public void Abandon()
    {
    }

    public void Dispose()
    {
    }
}
