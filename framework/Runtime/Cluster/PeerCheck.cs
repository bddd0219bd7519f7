using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Event;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Cluster;

/// <summary>Decides, for Akka's connections, whether the peer is believed. Who dials checks that the certificate is for the host
/// it dialled; who accepts checks the authority alone, for a peer's outgoing address says nothing about its name.</summary>
internal sealed class PeerCheck(TlsIdentity identity, Refusals refusals)
{
    /// <param name="peer">Akka's address of the peer when this side dialled, otherwise the socket's.</param>
    public bool Accepts(X509Certificate2? certificate, X509Chain? chain, string peer, SslPolicyErrors errors, ILoggingAdapter log)
    {
        var host = Address.TryParse(peer, out var address) ? address.Host : null;
        if (identity.Problem(certificate, host) is not { } problem)
        {
            return true;
        }

        refusals.Add(Refusals.Certificate, $"{peer}: {problem}.", peer);
        return false;
    }
}
