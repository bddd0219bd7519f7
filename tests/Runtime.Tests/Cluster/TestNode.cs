using System.Globalization;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Nodes on loopback, and peers that no node should believe.</summary>
internal static class TestNode
{
    public static ClusterSettings Settings(string tls = "", int port = 0)
    {
        var settings = ClusterSettings.Read(null);
        return settings with { Node = settings.Node with { Port = port }, Tls = new TlsSettings(tls) };
    }

    public static Task<ClusterNode> StartAsync(string tls = "", string? join = null, params string[] roles) =>
        ClusterNode.StartAsync(Settings(tls), join, roles, loggers: NullLoggerFactory.Instance, stop: TestContext.Current.CancellationToken);

    public static string At(this ClusterNode node) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{node.Address.Port}");

    /// <summary>Akka as it comes, Newtonsoft and remote deployment included; under TLS it believes everyone.</summary>
    public static ActorSystem Stranger(TlsIdentity? identity = null)
    {
        var setup = BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString($$"""
            akka {
              actor.provider = remote
              loglevel = OFF
              stdout-loglevel = OFF
              remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0, enable-ssl = {{(identity is null ? "off" : "on")}} }
            }
            """));
        return identity is null
            ? ActorSystem.Create("pipeline", setup)
            : ActorSystem.Create("pipeline", ActorSystemSetup.Create(setup, new DotNettySslSetup(
                identity.Certificate, suppressValidation: true, requireMutualAuthentication: true, (_, _, _, _, _) => true)));
    }

    /// <summary>Both are members and up, and messages pass.</summary>
    public static async Task AssertWholeAsync(ClusterNode one, ClusterNode other)
    {
        Assert.Equal(2, Akka.Cluster.Cluster.Get(one.System).State.Members.Count(member => member.Status == Akka.Cluster.MemberStatus.Up));
        Assert.Empty(Akka.Cluster.Cluster.Get(one.System).State.Unreachable);
        Assert.Equal("hello", await other.System.ActorSelection($"{one.Address}/user/node").Ask<string>(
            "hello", TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
    }

    /// <summary>Waits until a node sees so many members up.</summary>
    public static async Task UpAsync(ClusterNode node, int members)
    {
        while (Akka.Cluster.Cluster.Get(node.System).State.Members.Count(member => member.Status == Akka.Cluster.MemberStatus.Up) < members)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Answers with what it is told.</summary>
    public sealed class Echo : ReceiveActor
    {
        public Echo() => ReceiveAny(message => Sender.Tell(message));
    }
}
