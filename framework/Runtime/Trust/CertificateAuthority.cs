using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Runtime.Trust;

/// <summary>A private authority that signs the certificates of a cluster's nodes; whoever has its key can add nodes.</summary>
public sealed class CertificateAuthority : IDisposable
{
    public const string KeyFile = "authority.key";

    private const int AuthorityYears = 10;
    private const int NodeYears = 1;
    private const int LongestCommonName = 64;

    /// <summary>Clocks of several machines differ.</summary>
    private static readonly TimeSpan ClockDifference = TimeSpan.FromHours(1);

    private readonly X509Certificate2 certificate;

    private CertificateAuthority(X509Certificate2 certificate) => this.certificate = certificate;

    public static bool ExistsIn(string directory) =>
        File.Exists(Path.Combine(directory, TlsIdentity.AuthorityFile)) || File.Exists(Path.Combine(directory, KeyFile));

    /// <summary>The authority whose authority.pem and authority.key a folder holds.</summary>
    public static CertificateAuthority Open(string directory)
    {
        var (path, keyPath) = (Path.Combine(directory, TlsIdentity.AuthorityFile), Path.Combine(directory, KeyFile));
        if (!File.Exists(path) || !File.Exists(keyPath))
        {
            var (here, missing) = File.Exists(path) ? (path, KeyFile) : (keyPath, TlsIdentity.AuthorityFile);
            throw new BadInputException($"{here} is there without {missing}, and to sign takes both; add it or choose another folder.");
        }

        var certificate = PemFile.ReadCertificate(path, keyPath);
        if (certificate.NotAfter < DateTime.Now)
        {
            throw new BadInputException($"{path}: this authority has expired; make a new one in another folder.");
        }

        return certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(constraint => constraint.CertificateAuthority)
            ? new CertificateAuthority(certificate)
            : throw new BadInputException($"{path}: this is not the certificate of an authority.");
    }

    /// <summary>A new authority, with authority.pem and authority.key in a folder that has neither.</summary>
    public static CertificateAuthority Create(string directory)
    {
        Directory.CreateDirectory(directory);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request("Pipeline trial authority", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now - ClockDifference, now.AddYears(AuthorityYears));
        PemFile.WriteKey(Path.Combine(directory, KeyFile), key);
        PemFile.WriteCertificate(Path.Combine(directory, TlsIdentity.AuthorityFile), certificate);
        return Open(directory);
    }

    /// <summary>Writes a node's folder: authority.pem, node.pem and node.key.</summary>
    /// <param name="names">Names and IP addresses under which others reach the node.</param>
    public void WriteNode(string directory, IReadOnlyList<string> names)
    {
        var now = DateTimeOffset.UtcNow;
        WriteNode(directory, names, now - ClockDifference, now.AddYears(NodeYears));
    }

    internal void WriteNode(string directory, IReadOnlyList<string> names, DateTimeOffset from, DateTimeOffset until)
    {
        Directory.CreateDirectory(directory);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(names[0].Length <= LongestCommonName ? names[0] : "Pipeline node", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(TlsIdentity.ServerAuthentication), new Oid(TlsIdentity.ClientAuthentication)], critical: false));
        request.CertificateExtensions.Add(AlternativeNames(names));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        using var signed = request.Create(certificate, Later(from, certificate.NotBefore), Earlier(until, certificate.NotAfter), RandomNumberGenerator.GetBytes(16));
        PemFile.WriteKey(Path.Combine(directory, TlsIdentity.KeyFile), key);
        PemFile.WriteCertificate(Path.Combine(directory, TlsIdentity.CertificateFile), signed);
        PemFile.WriteCertificate(Path.Combine(directory, TlsIdentity.AuthorityFile), certificate);
    }

    public void Dispose() => certificate.Dispose();

    private static CertificateRequest Request(string commonName, ECDsa key)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(commonName);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static X509Extension AlternativeNames(IReadOnlyList<string> names)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        return alternatives.Build();
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
