using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Cluster;

/// <summary>Finds out, after a join came to nothing, what is in the way: by a connection of its own, for Akka says only that
/// the association failed.</summary>
internal static class JoinProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    /// <returns>A sentence without its end; certain when waiting longer cannot help. Null when nothing is in the way.</returns>
    public static async Task<(string Problem, bool Certain)?> FindAsync(HostPort target, TlsIdentity? identity, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Limit);
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(target.Host, target.Port, limit.Token);
        }
        catch (SocketException problem) when (problem.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain)
        {
            return ($"{target.Host} is not a known host", false);
        }
        catch (Exception problem) when (problem is SocketException || Ended(problem, stop))
        {
            return ($"nothing answers at {target}", false);
        }

        return await SpeakAsync(client, target, identity, limit.Token, stop);
    }

    private static async Task<(string, bool)?> SpeakAsync(
        TcpClient client, HostPort target, TlsIdentity? identity, CancellationToken limit, CancellationToken stop)
    {
        string? refusal = null;
        await using var tls = new SslStream(client.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = target.Host,
                    ClientCertificates = identity is null ? null : [identity.Certificate],
                    RemoteCertificateValidationCallback = (_, peer, _, _) =>
                    {
                        refusal = identity?.Problem((X509Certificate2?)peer, target.Host);
                        return refusal is null;
                    },
                },
                limit);
            if (identity is null)
            {
                return ($"{target} takes TLS alone, and pipeline.tls.directory is not set here", true);
            }

            // With TLS 1.3 a server's refusal of our certificate comes only after the handshake; one that believes it says nothing.
            return await tls.ReadAsync(new byte[1], limit) == 0 ? ($"{target} does not believe this node's certificate", true) : null;
        }
        catch (Exception problem) when (problem is AuthenticationException or IOException)
        {
            return refusal is not null ? ($"{target} is not believed: {refusal}", true)
                : identity is null ? null
                : tls.IsAuthenticated ? ($"{target} does not believe this node's certificate", true)
                : ($"{target} does not answer with TLS, and pipeline.tls.directory is set here", true);
        }
        catch (Exception problem) when (Ended(problem, stop))
        {
            // A server that waits for what follows the handshake; or one without TLS that waits for the rest of a frame.
            return identity is null || tls.IsAuthenticated ? null : ($"{target} does not answer with TLS, and pipeline.tls.directory is set here", true);
        }
    }

    /// <summary>The limit ended it, not the caller.</summary>
    private static bool Ended(Exception problem, CancellationToken stop) => problem is OperationCanceledException && !stop.IsCancellationRequested;
}
