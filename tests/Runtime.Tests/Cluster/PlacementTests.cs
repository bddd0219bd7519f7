using Pipeline.Core;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Runtime.Tests.Cluster;

public class PlacementTests
{
    private static readonly NodeSoftware Software = new(1, "1", "1", "1", "1", "avx2");

    [Fact]
    public void Each_worker_gets_a_device_of_its_own_in_the_order_of_nodes() =>
        Assert.Equal(["node-2/cpu", "node-10/cpu"], Automatic("cpu", 2, Node("node-10", "cpu"), Node("node-2", "cpu")));

    [Fact]
    public void Neighbours_share_where_devices_are_few() => Assert.Equal(
        ["a/cuda:0", "a/cuda:0", "a/cuda:1", "a/cuda:1", "b/cuda:0"],
        Automatic("cuda", 5, Node("a", "cuda:0", "cuda:1"), Node("b", "cuda:0")));

    [Fact]
    public void Taken_devices_are_passed_over() => Assert.Equal(["b/cpu"], Automatic("cpu", 1, Taken("a"), Node("b", "cpu")));

    [Fact]
    public void Where_there_is_no_place_the_sentence_says_what_there_is()
    {
        Assert.Equal(
            "device is cuda, but no node of the cluster offers one; they offer a/cpu.",
            Assert.Throws<BadInputException>(() => Automatic("cuda", 1, Node("a", "cpu"))).Message);
        Assert.Equal(
            "device is cpu, but all of the cluster's are taken: a/cpu by other: stage 0.",
            Assert.Throws<BadInputException>(() => Automatic("cpu", 1, Taken("a"))).Message);
        Assert.Equal(
            "parallel.placement: there is no b/cpu in the cluster; there are a/cpu.",
            Assert.Throws<BadInputException>(() => Placement.Pinned([Node("a", "cpu")], ["b/cpu"])).Message);
        Assert.Equal(
            "parallel.placement: a/cpu is taken by other: stage 0.", Assert.Throws<BadInputException>(() => Placement.Pinned([Taken("a")], ["a/cpu"])).Message);
    }

    [Fact]
    public void The_first_difference_of_software_is_named()
    {
        Assert.Null(Software.DifferenceTo(Software with { }));
        Assert.Equal("libtorch 2, not 1", (Software with { LibTorch = "2" }).DifferenceTo(Software));
        Assert.Equal("the instruction set avx512, not avx2", (Software with { InstructionSet = "avx512" }).DifferenceTo(Software));
    }

    private static IEnumerable<string> Automatic(string device, int workers, params NodeDescription[] nodes) =>
        Placement.Automatic(nodes, device, new(workers, 1)).Select(place => $"{place.Node.Name}/{place.Device}");

    private static NodeDescription Node(string name, params string[] devices) => new(
        name, "127.0.0.1:1", 1, Software, ["gpt2"], 2, [.. devices.Select(device => new NodeDevice(device, 1, []))], new Dictionary<string, long>());

    private static NodeDescription Taken(string name) => Node(name) with { Devices = [new("cpu", 1, ["other: stage 0"])] };
}
