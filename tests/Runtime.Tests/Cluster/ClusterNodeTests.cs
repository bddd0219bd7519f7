using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>A node's life: joining, leaving, being lost; and what it says when it cannot live.</summary>
[Collection(nameof(Runs.Alone))]
public class ClusterNodeTests
{
    [Fact]
    public async Task A_node_joins_and_leaves_quickly_and_writes_nothing_to_standard_output()
    {
        using var output = new StringWriter();
        var console = Console.Out;
        Console.SetOut(output);
        try
        {
            var clock = Stopwatch.StartNew();
            await using var first = await TestNode.StartAsync();
            first.System.ActorOf(Props.Create<TestNode.Echo>(), "node");
            var second = await TestNode.StartAsync(join: first.At());
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 6);
            await TestNode.AssertWholeAsync(first, second);
            clock.Restart();
            await second.DisposeAsync();
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 4);
            Assert.Equal("this node left the cluster", await second.Ended);
            clock.Restart();
            await LeftAsync(first, 1);
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 3);
        }
        finally
        {
            Console.SetOut(console);
        }

        Assert.Equal("", output.ToString());
    }

    [Fact]
    public Task A_lost_node_is_removed_within_ten_seconds_and_the_others_go_on() => Task.WhenAll(
        Lost(lost: 1, of: 2), Lost(lost: 2, of: 3), Lost(lost: 0, of: 3), LostByAllButTheCoordinator(), TerminalsLost());

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await Refused(TestNode.Settings(port: port), null, $"pipeline.node.port: the port {port} is in use at 127.0.0.1; choose another, or 0 for any free one.");
    }

    [Fact]
    public async Task Nothing_at_the_address_to_join_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        await Refused(TestNode.Settings(), $"127.0.0.1:{port}", $"--join: nothing answers at 127.0.0.1:{port}.");
    }

    [Theory]
    [InlineData("192.0.2.1", null, "pipeline.node.host is 192.0.2.1, which others can reach, and without TLS whoever reaches the port can run work on this machine and read and alter the run; make certificates with pipeline certificates and set pipeline.tls.directory, or accept that with --insecure.")]
    [InlineData("127.0.0.1", "somewhere", "--join must be HOST:PORT with a host name or an IPv4 address, such as 10.0.0.1:4053, not \"somewhere\".")]
    [InlineData("127.0.0.1", "[::1]:80", "--join must be HOST:PORT with a host name or an IPv4 address, such as 10.0.0.1:4053, not \"[::1]:80\".")]
    public Task What_a_node_cannot_start_with_is_named(string host, string? join, string sentence)
    {
        var settings = TestNode.Settings();
        return Refused(settings with { Node = settings.Node with { Host = host } }, join, sentence);
    }

    [Fact]
    public async Task An_insecure_node_still_needs_an_address_of_this_machine()
    {
        var settings = TestNode.Settings();
        settings = settings with { Node = settings.Node with { Host = "192.0.2.1" } };
        var problem = await Assert.ThrowsAsync<BadInputException>(() => ClusterNode.StartAsync(
            settings, null, [], insecure: true, loggers: NullLoggerFactory.Instance, stop: TestContext.Current.CancellationToken));
        Assert.Equal("pipeline.node.host: 192.0.2.1 is not an address of this machine.", problem.Message);
    }

    private static async Task Lost(int lost, int of)
    {
        var nodes = new List<ClusterNode> { await TestNode.StartAsync(roles: ClusterNode.CoordinatorRole) };
        for (var node = 1; node < of; node++)
        {
            nodes.Add(await TestNode.StartAsync(join: nodes[0].At(), roles: ClusterNode.CoordinatorRole));
        }

        await RemovedAsync([nodes[lost]], [.. nodes.Where((_, index) => index != lost)]);
    }

    /// <summary>Two at once, which are more than what is left.</summary>
    private static async Task TerminalsLost()
    {
        var node = await TestNode.StartAsync(roles: ClusterNode.CoordinatorRole);
        await RemovedAsync([await TestNode.StartAsync(join: node.At()), await TestNode.StartAsync(join: node.At())], [node]);
    }

    /// <summary>In a cluster of one run its oldest member goes on alone.</summary>
    private static async Task LostByAllButTheCoordinator()
    {
        var settings = TestNode.Settings() with { IsOfOneRun = true };
        var nodes = new List<ClusterNode>();
        for (var node = 0; node < 3; node++)
        {
            nodes.Add(await ClusterNode.StartAsync(
                settings, node == 0 ? null : nodes[0].At(), node == 0 ? [ClusterNode.CoordinatorRole] : [], loggers: NullLoggerFactory.Instance, stop: TestContext.Current.CancellationToken));
        }

        await RemovedAsync(nodes[1..], [nodes[0]]);
    }

    private static async Task RemovedAsync(IReadOnlyList<ClusterNode> lost, IReadOnlyList<ClusterNode> others)
    {
        var clock = Stopwatch.StartNew();
        foreach (var node in lost)
        {
            ((ExtendedActorSystem)node.System).Abort();
        }

        foreach (var other in others)
        {
            await LeftAsync(other, others.Count);
            Assert.False(other.Ended.IsCompleted);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"removed after {clock.Elapsed.TotalSeconds:F1} s");
        Assert.InRange(clock.Elapsed.TotalSeconds, 2, 10);
        foreach (var node in others.Concat(lost))
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>Waits until the cluster has no more members than this.</summary>
    private static async Task LeftAsync(ClusterNode node, int members)
    {
        var clock = Stopwatch.StartNew();
        while (Akka.Cluster.Cluster.Get(node.System).State.Members.Count > members && clock.Elapsed.TotalSeconds < 30)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    private static async Task Refused(ClusterSettings settings, string? join, string sentence)
    {
        var problem = await Assert.ThrowsAsync<BadInputException>(() => ClusterNode.StartAsync(
            settings, join, [], loggers: NullLoggerFactory.Instance, joinLimit: TimeSpan.FromSeconds(1), stop: TestContext.Current.CancellationToken));
        Assert.Equal(sentence, problem.Message);
    }
}
