using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Runtime.Trust;

/// <summary>Who this node is to others, and whom it believes: its certificate with the private key, and the one authority
/// whose certificates it accepts. Both of a connection's sides show one and check the other's.</summary>
public sealed class TlsIdentity : IDisposable
{
    public const string AuthorityFile = "authority.pem";
    public const string CertificateFile = "node.pem";
    public const string KeyFile = "node.key";

    internal const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    internal const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private TlsIdentity(X509Certificate2 authority, X509Certificate2 certificate) => (Authority, Certificate) = (authority, certificate);

    public X509Certificate2 Authority { get; }

    /// <summary>With its private key, for <see cref="System.Net.Security.SslStream"/> and Akka alike.</summary>
    public X509Certificate2 Certificate { get; }

    /// <param name="directory">Holds authority.pem, node.pem and node.key.</param>
    /// <exception cref="BadInputException">A file is missing or cannot be used, or they do not belong together.</exception>
    public static TlsIdentity Read(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new BadInputException(
                $"{directory}: there is no such folder; it must hold {AuthorityFile}, {CertificateFile} and {KeyFile} (pipeline certificates makes them).");
        }

        var (authorityPath, path, keyPath) = (
            Path.Combine(directory, AuthorityFile), Path.Combine(directory, CertificateFile), Path.Combine(directory, KeyFile));
        var authority = PemFile.ReadCertificate(authorityPath);
        var certificate = PemFile.ReadCertificate(path, keyPath);
        var identity = new TlsIdentity(authority, certificate);
        if (PeriodProblem(authority) is { } late)
        {
            throw new BadInputException($"{authorityPath}: the certificate {late}.");
        }

        return identity.Problem(certificate, host: null) is { } problem
            ? throw new BadInputException($"{path}: {problem}.")
            : identity;
    }

    /// <summary>Why a peer is not believed: a sentence without its end, or null when it is.</summary>
    /// <param name="peer">The certificate it showed.</param>
    /// <param name="host">The name or IP address that its certificate must be for; null when it may be any node.</param>
    public string? Problem(X509Certificate2? peer, string? host)
    {
        if (peer is null)
        {
            return "it shows no certificate";
        }

        if (PeriodProblem(peer) is { } late)
        {
            return $"the certificate {late}";
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;      // a private authority publishes no lists
        chain.ChainPolicy.DisableCertificateDownloads = true;               // a peer's certificate must not make us call anywhere
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        if (!chain.Build(peer))
        {
            return chain.ChainStatus.Any(status => status.Status == X509ChainStatusFlags.NotValidForUsage)
                ? "the certificate is not for both server and client authentication, and a node is both"
                : $"the certificate is not signed by the authority {AuthorityFile} of this node";
        }

        // Names in the subject alternative names alone, as everywhere today.
        return host is null || peer.MatchesHostname(host, allowWildcards: true, allowCommonName: false)
            ? null
            : $"the certificate is not for {host} but for {Names(peer)}";
    }

    public void Dispose()
    {
        Certificate.Dispose();
        Authority.Dispose();
    }

    private static string? PeriodProblem(X509Certificate2 certificate)
    {
        var now = DateTime.Now;
        return now > certificate.NotAfter ? $"expired on {Day(certificate.NotAfter)}"
            : now < certificate.NotBefore ? $"is not valid before {Day(certificate.NotBefore)}"
            : null;
    }

    private static string Day(DateTime time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Names(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => $"{address}")))
            .ToArray();
        return names.Length == 0 ? "no host" : string.Join(", ", names);
    }
}
