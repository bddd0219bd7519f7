using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;
using Pipeline.Runtime.Trust;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Trust;

/// <summary>Whom a node believes, and what is said of files that cannot be used.</summary>
public sealed class TlsIdentityTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CertificateAuthority authority;
    private readonly string node;

    public TlsIdentityTests()
    {
        authority = CertificateAuthority.Create(folder.File("ca"));
        node = folder.File("node");
        authority.WriteNode(node, ["trainer.example", "10.0.0.1", "::1"]);
    }

    public void Dispose()
    {
        authority.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("trainer.example", true)]
    [InlineData("10.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("other.example", false)]
    [InlineData("10.0.0.2", false)]
    public void A_certificate_of_the_authority_is_believed_for_its_own_names(string? host, bool believed)
    {
        using var identity = TlsIdentity.Read(node);
        Assert.Equal(
            believed ? null : $"the certificate is not for {host} but for trainer.example, 10.0.0.1, ::1",
            identity.Problem(identity.Certificate, host));
    }

    [Fact]
    public void A_peer_without_a_certificate_of_the_authority_is_not_believed()
    {
        using var stranger = CertificateAuthority.Create(folder.File("other-ca"));
        stranger.WriteNode(folder.File("other-node"), ["trainer.example"]);
        using var identity = TlsIdentity.Read(node);
        using var other = TlsIdentity.Read(folder.File("other-node"));
        Assert.Equal("the certificate is not signed by the authority authority.pem of this node", identity.Problem(other.Certificate, "trainer.example"));
        Assert.Equal("it shows no certificate", identity.Problem(null, "trainer.example"));
    }

    [Fact]
    public async Task Both_sides_of_a_TLS_connection_can_use_it()
    {
        using var identity = TlsIdentity.Read(node);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        var connected = client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, TestContext.Current.CancellationToken);
        using var server = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await connected;
        await using var accepting = new SslStream(server.GetStream());
        await using var dialling = new SslStream(client.GetStream());
        await Task.WhenAll(
            accepting.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificate = identity.Certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, peer, _, _) => identity.Problem((X509Certificate2?)peer, null) is null,
            }, TestContext.Current.CancellationToken),
            dialling.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "10.0.0.1",
                ClientCertificates = [identity.Certificate],
                RemoteCertificateValidationCallback = (_, peer, _, _) => identity.Problem((X509Certificate2?)peer, "10.0.0.1") is null,
            }, TestContext.Current.CancellationToken));
        Assert.True(accepting.IsMutuallyAuthenticated);
    }

    [Fact]
    public void Private_keys_are_for_their_owner_alone()
    {
        foreach (var key in new[] { Path.Combine(node, "node.key"), folder.File("ca/authority.key") })
        {
            // Windows has no such modes.
            Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(key) == (UnixFileMode.UserRead | UnixFileMode.UserWrite), key);
        }
    }

    [Fact]
    public void A_missing_folder_is_named() => Refused(
        folder.File("nowhere"), "$/nowhere: there is no such folder; it must hold authority.pem, node.pem and node.key (pipeline certificates makes them).");

    [Theory]
    [InlineData("authority.pem")]
    [InlineData("node.pem")]
    [InlineData("node.key")]
    public void A_missing_file_is_named(string file)
    {
        File.Delete(Path.Combine(node, file));
        Refused(node, $"$/node/{file}: there is no such file (pipeline certificates makes it).");
    }

    [Theory]
    [InlineData("authority.pem", "this is not a certificate in PEM form")]
    [InlineData("node.pem", "this is not a certificate in PEM form")]
    [InlineData("node.key", "this is not the private key of $/node/node.pem, in PEM form and without a passphrase")]
    public void A_file_of_another_kind_is_named(string file, string problem)
    {
        File.WriteAllText(Path.Combine(node, file), "text");
        Refused(node, $"$/node/{file}: {problem}.");
    }

    [Fact]
    public void Files_that_do_not_belong_together_are_named()
    {
        using var stranger = CertificateAuthority.Create(folder.File("other-ca"));
        stranger.WriteNode(folder.File("other-node"), ["trainer.example"]);
        File.Copy(folder.File("other-node/authority.pem"), Path.Combine(node, "authority.pem"), overwrite: true);
        Refused(node, "$/node/node.pem: the certificate is not signed by the authority authority.pem of this node.");
        File.Copy(folder.File("other-node/node.key"), Path.Combine(node, "node.key"), overwrite: true);
        Refused(node, "$/node/node.key: this is not the private key of $/node/node.pem, in PEM form and without a passphrase.");
    }

    [Fact]
    public void A_certificate_out_of_its_time_is_named()
    {
        var time = DateTimeOffset.UtcNow.AddMinutes(-2);
        authority.WriteNode(folder.File("old"), ["x"], time.AddMinutes(-1), time);
        authority.WriteNode(folder.File("young"), ["x"], DateTimeOffset.UtcNow.AddDays(1), DateTimeOffset.UtcNow.AddDays(2));
        Refused(folder.File("old"), $"$/old/node.pem: the certificate expired on {time:yyyy-MM-dd HH:mm} UTC.");
        Assert.Contains("is not valid before", Assert.Throws<BadInputException>(() => TlsIdentity.Read(folder.File("young"))).Message, StringComparison.Ordinal);
    }

    private void Refused(string directory, string sentence) => Assert.Equal(
        sentence.Replace("$", folder.Path, StringComparison.Ordinal), Assert.Throws<BadInputException>(() => TlsIdentity.Read(directory)).Message);
}
