using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Tests.Jobs;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>cluster.hocon and what a user lays over it.</summary>
public sealed class ClusterSettingsTests : IDisposable
{
    private readonly JobFolder folder = new();

    [Fact]
    public void The_built_in_file_says_what_the_records_say()
    {
        var settings = ClusterSettings.Read(null);
        Assert.Equal(new TlsSettings(), settings.Tls);
        Assert.Equal(new TensorPlaneSettings(), settings.TensorPlane);
        Assert.Equal(1L << 30, settings.TensorPlane.MaximumFrameBytes);
        Assert.Equal(new NodeSettings() with { Devices = settings.Node.Devices }, settings.Node);
        Assert.Equal(["auto"], settings.Node.Devices);
        Assert.Equal("auto", settings.InstructionSet);
        Assert.False(settings.UsesTls);
    }

    [Fact]
    public void A_file_is_laid_over_it()
    {
        var settings = Read("""
            pipeline {
              node { host = trainer.example, port = 0, name = left, devices = ["cuda:0", "cuda:1"] }
              tls.directory = keys
              instruction-set = avx2
            }
            akka.cluster.split-brain-resolver.stable-after = 9s
            my-dispatcher { type = PinnedDispatcher }
            """);
        Assert.Equal(("trainer.example", 0, "left"), (settings.Node.Host, settings.Node.Port, settings.Node.Name));
        Assert.Equal(["cuda:0", "cuda:1"], settings.Node.Devices);
        Assert.Equal(Path.Combine(folder.Path, "keys"), settings.Tls.Directory);
        Assert.True(settings.UsesTls);
        Assert.Equal("avx2", settings.InstructionSet);
        Assert.Equal(4, settings.TensorPlane.Streams);
        Assert.Equal(TimeSpan.FromSeconds(9), settings.Akka.GetTimeSpan("akka.cluster.split-brain-resolver.stable-after"));
        Assert.Equal("keep-oldest", settings.Akka.GetString("akka.cluster.split-brain-resolver.active-strategy"));
        Assert.Equal("PinnedDispatcher", settings.Akka.GetString("my-dispatcher.type"));
    }

    [Theory]
    [InlineData("pipeline {\n  nod { port = 1 }\n}", ", line 2: pipeline.nod is not a key of pipeline; did you mean node?")]
    [InlineData("pipelin { }", ", line 1: pipelin is not a key; did you mean pipeline?")]
    [InlineData("\n\npipeline.node.prt = 4", ", line 3: pipeline.node.prt is not a key of pipeline.node; did you mean port?")]
    [InlineData("pipeline.node.port = 65536", ", line 1: pipeline.node.port must be a whole number of at least 0 and at most 65535, not \"65536\".")]
    [InlineData("pipeline.node {\n  host = \"::1\"\n}", ", line 2: pipeline.node.host must be the host name or the IPv4 address at which others reach this node, not \"::1\".")]
    [InlineData("pipeline.node.host = 0.0.0.0", ", line 1: pipeline.node.host must be the host name or the IPv4 address at which others reach this node, not \"0.0.0.0\".")]
    [InlineData("pipeline.node.devices = [gpu]", ", line 1: pipeline.node.devices must be auto, or some of cpu, cuda and cuda:N, not \"gpu\".")]
    [InlineData("pipeline.node.devices = [auto, cpu]", ", line 1: pipeline.node.devices must be auto, or some of cpu, cuda and cuda:N, not \"auto\".")]
    [InlineData("pipeline.instruction-set = avx", ", line 1: pipeline.instruction-set must be auto, avx2 or avx512, not \"avx\"; did you mean avx2?")]
    [InlineData("pipeline.tensor-plane.streams = 0", ", line 1: pipeline.tensor-plane.streams must be a whole number of at least 1 and at most 16, not \"0\".")]
    [InlineData("pipeline.tensor-plane.maximum-frame = big", ", line 1: pipeline.tensor-plane.maximum-frame must be a number of bytes such as 500MiB or 8GiB, not \"big\".")]
    [InlineData("pipeline = 3", ", line 1: pipeline must be a section, not \"3\".")]
    [InlineData("pipeline {\n", ", line 1: the { that opens here is never closed.")]
    public void What_is_wrong_is_named_with_its_line(string text, string sentence)
    {
        var path = folder.File(text);
        Assert.Equal(path + sentence, Assert.Throws<BadInputException>(() => ClusterSettings.Read(path)).Message);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("nowhere.hocon: there is no such file.", Assert.Throws<BadInputException>(() => ClusterSettings.Read("nowhere.hocon")).Message);

    [Fact]
    public async Task The_same_file_serves_an_actor_system_that_stays_in_its_process()
    {
        var system = ActorSystem.Create("local", ClusterSettings.Read(null).Akka);
        Assert.Equal("akka://local", Assert.IsType<ExtendedActorSystem>(system, exactMatch: false).Provider.DefaultAddress.ToString());
        var echo = system.ActorOf(Props.Create<TestNode.Echo>().WithDispatcher("stage-dispatcher"));
        Assert.Equal(1.5, await echo.Ask<double>(1.5, TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
        await system.Terminate();
    }

    public void Dispose() => folder.Dispose();

    private ClusterSettings Read(string text) => ClusterSettings.Read(folder.File(text));
}
