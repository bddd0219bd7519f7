using Akka.Actor;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Stages;

/// <summary>Puts what a link brings into its worker's mailbox.</summary>
/// <param name="lost">Told which peer is gone, and why.</param>
internal sealed class MailboxReceiver(IActorRef worker, Action<int, string> lost) : ILinkReceiver
{
    public void Receive(Frame frame) => worker.Tell(frame);

    public void Receive(Credit credit) => worker.Tell(credit);

    public void Lost(int worker, string reason) => lost(worker, reason);
}
