using Akka;
using Akka.Actor;

namespace Pipeline.Runtime.Cluster;

/// <summary>Akka ends the whole node when a peer that it dialled fails the TLS handshake: one member that comes back without
/// its certificates, at an address that the others still try, would end them all. There is no setting for that, so the
/// shutdown it begins waits here, in its first phase, until there is another reason to end; to the end of the node's
/// life, should there be none.</summary>
internal sealed class HandshakeEndurance
{
    private readonly TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HandshakeEndurance(ActorSystem system)
    {
        var shutdown = CoordinatedShutdown.Get(system);
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "endure-a-failed-handshake", async () =>
        {
            if (IsFailedHandshake(shutdown.ShutdownReason))
            {
                await release.Task;
            }

            return Done.Instance;
        });
        // Akka runs a shutdown once: the cluster's own reason to end this node must let the waiting one go on.
        Akka.Cluster.Cluster.Get(system).RegisterOnMemberRemoved(Release);
    }

    /// <summary>The node is to end now.</summary>
    public void Release() => release.TrySetResult();

    // Akka does not show the type.
    private static bool IsFailedHandshake(CoordinatedShutdown.Reason? reason) => reason?.GetType().Name == "TlsHandshakeFailureReason";
}
