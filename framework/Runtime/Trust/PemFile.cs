using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Runtime.Trust;

/// <summary>Certificates and private keys in PEM files.</summary>
internal static class PemFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static X509Certificate2 ReadCertificate(string path)
    {
        try
        {
            return X509Certificate2.CreateFromPem(Read(path));
        }
        catch (CryptographicException problem)
        {
            throw new BadInputException($"{path}: this is not a certificate in PEM form.", problem);
        }
    }

    /// <summary>A certificate with its private key.</summary>
    public static X509Certificate2 ReadCertificate(string path, string keyPath)
    {
        using var certificate = ReadCertificate(path);
        var key = Read(keyPath);
        try
        {
            using var withKey = X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), key);
            // Windows' TLS does not take a key that was never stored: the detour stores it.
            return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), password: null);
        }
        catch (Exception problem) when (problem is CryptographicException or ArgumentException)
        {
            throw new BadInputException($"{keyPath}: this is not the private key of {path}, in PEM form and without a passphrase.", problem);
        }
    }

    public static void WriteCertificate(string path, X509Certificate2 certificate) => Write(path, certificate.ExportCertificatePem(), mode: null);

    public static void WriteKey(string path, ECDsa key) => Write(path, key.ExportPkcs8PrivateKeyPem(), OwnerOnly);

    private static string Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path}: there is no such file (pipeline certificates makes it).");
        }

        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path}: this file cannot be read: {problem.Message}", problem);
        }
    }

    /// <summary>Never over an existing file.</summary>
    private static void Write(string path, string pem, UnixFileMode? mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;     // from the first byte on, not after
        }

        using var writer = new StreamWriter(path, options);
        writer.Write(pem + "\n");
    }
}
