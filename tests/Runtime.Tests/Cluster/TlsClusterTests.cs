using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Trust;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Who gets into a cluster under TLS and who does not, each with a sentence; afterwards the cluster is whole.</summary>
[Collection(nameof(Runs.Alone))]
public sealed class TlsClusterTests(TlsClusterTests.TwoNodes nodes) : IClassFixture<TlsClusterTests.TwoNodes>
{
    [Fact]
    public async Task Nodes_with_certificates_of_one_authority_are_a_cluster()
    {
        Assert.Equal("akka.ssl.tcp", nodes.First.Address.Protocol);
        Assert.NotNull(nodes.First.Identity);
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    [Fact]
    public Task A_node_without_TLS_is_told_so() => NotTakenIn(
        Refusals.Handshake, tls: "", $"--join: {nodes.First.At()} takes TLS alone, and pipeline.tls.directory is not set here.");

    [Fact]
    public Task A_node_of_another_authority_does_not_believe_and_is_told_so() => NotTakenIn(
        Refusals.Certificate,
        nodes.Folder("other"),
        $"--join: {nodes.First.At()} is not believed: the certificate is not signed by the authority authority.pem of this node.");

    [Fact]
    public async Task A_node_is_believed_for_the_names_of_its_certificate_alone()
    {
        var join = $"localhost:{nodes.First.Address.Port}";
        var problem = await Assert.ThrowsAsync<BadInputException>(() => TestNode.StartAsync(nodes.Folder("here"), join));
        Assert.Equal($"--join: {join} is not believed: the certificate is not for localhost but for 127.0.0.1.", problem.Message);
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    [Fact]
    public async Task A_node_does_not_start_with_a_certificate_for_another_host()
    {
        var problem = await Assert.ThrowsAsync<BadInputException>(() => TestNode.StartAsync(nodes.Folder("elsewhere")));
        Assert.Equal(
            $"{nodes.Folder("elsewhere")}: the certificate is not for 127.0.0.1 but for elsewhere.example, and pipeline.node.host is 127.0.0.1.", problem.Message);
    }

    [Fact]
    public async Task A_peer_of_another_authority_that_believes_everyone_is_refused()
    {
        using var other = TlsIdentity.Read(nodes.Folder("other"));
        var before = nodes.Counter[Refusals.Certificate];
        var stranger = TestNode.Stranger(other);
        stranger.ActorSelection($"{nodes.First.Address}/user/node").Tell("x");
        await nodes.Counter.WaitAsync(Refusals.Certificate, before);
        await stranger.Terminate();
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    [Fact]
    public async Task A_peer_that_shows_no_certificate_is_refused()
    {
        var before = nodes.Counter[Refusals.Handshake];
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", nodes.First.Address.Port!.Value, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, server, _, _) => server is not null);
        try
        {
            await tls.AuthenticateAsClientAsync("127.0.0.1");
            Assert.Equal(0, await tls.ReadAsync(new byte[1], TestContext.Current.CancellationToken));
        }
        catch (Exception problem) when (problem is IOException or AuthenticationException)
        {
            // Refused with an alert instead of a close.
        }

        await nodes.Counter.WaitAsync(Refusals.Handshake, before);
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    [Fact]
    public async Task A_node_that_dials_a_peer_without_TLS_stays_in_the_cluster()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        nodes.First.System.ActorSelection($"akka.ssl.tcp://pipeline@{listener.LocalEndpoint}/user/node").Tell("x");
        using (var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            await client.GetStream().WriteAsync("this is no TLS\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
            await Task.Delay(1500, TestContext.Current.CancellationToken);      // Akka would have begun to leave
        }

        Assert.False(nodes.First.Ended.IsCompleted);
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    private async Task NotTakenIn(string reason, string tls, string sentence)
    {
        var before = nodes.Counter[reason];
        var problem = await Assert.ThrowsAsync<BadInputException>(() => TestNode.StartAsync(tls, nodes.First.At()));
        Assert.Equal(sentence, problem.Message);
        await nodes.Counter.WaitAsync(reason, before);
        await TestNode.AssertWholeAsync(nodes.First, nodes.Second);
    }

    public sealed class TwoNodes : IAsyncLifetime
    {
        private readonly TemporaryFolder folder = new();

        internal RefusedCounter Counter { get; } = new();

        public ClusterNode First { get; private set; } = null!;

        public ClusterNode Second { get; private set; } = null!;

        public string Folder(string name) => folder.File(name);

        public async ValueTask InitializeAsync()
        {
            using var authority = CertificateAuthority.Create(Folder("authority"));
            authority.WriteNode(Folder("here"), ["127.0.0.1"]);
            authority.WriteNode(Folder("elsewhere"), ["elsewhere.example"]);
            using var stranger = CertificateAuthority.Create(Folder("stranger"));
            stranger.WriteNode(Folder("other"), ["127.0.0.1"]);
            First = await TestNode.StartAsync(Folder("here"), roles: ClusterNode.CoordinatorRole);
            First.System.ActorOf(Props.Create<TestNode.Echo>(), "node");
            Second = await TestNode.StartAsync(Folder("here"), First.At());
        }

        public async ValueTask DisposeAsync()
        {
            await Second.DisposeAsync();
            await First.DisposeAsync();
            Counter.Dispose();
            folder.Dispose();
        }
    }
}
