using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Mutual TLS 1.3 over a connection: each side shows a certificate of the job's authority and checks the other's.</summary>
internal static class PlaneTls
{
    /// <param name="host">Which the listener's certificate must name.</param>
    /// <exception cref="RefusedException">The listener is not believed.</exception>
    public static Stream Dial(Stream inner, TlsIdentity identity, string host)
    {
        string? problem = null;
        var stream = new SslStream(inner, leaveInnerStreamOpen: false, (_, peer, _, _) => (problem = identity.Problem(peer as X509Certificate2, host)) is null);
        Authenticate(stream, () => problem, () => stream.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = host,
            ClientCertificates = [identity.Certificate],
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        }));
        return stream;
    }

    /// <exception cref="RefusedException">The dialler is not believed.</exception>
    public static Stream Answer(Stream inner, TlsIdentity identity)
    {
        string? problem = null;
        var stream = new SslStream(inner, leaveInnerStreamOpen: false, (_, peer, _, _) => (problem = identity.Problem(peer as X509Certificate2, null)) is null);
        Authenticate(stream, () => problem, () => stream.AuthenticateAsServer(new SslServerAuthenticationOptions
        {
            ServerCertificate = identity.Certificate,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        }));
        return stream;
    }

    private static void Authenticate(SslStream stream, Func<string?> problem, Action authenticate)
    {
        try
        {
            authenticate();
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            stream.Dispose();
            throw new RefusedException(Refusal.Certificate, problem() ?? $"there is no TLS 1.3 with it ({refused.Message.TrimEnd('.')})");
        }
    }
}
