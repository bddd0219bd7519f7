using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Cluster;

/// <summary>Chooses a device for each worker of a run.</summary>
internal static partial class Placement
{
    /// <summary>Free devices in the order of nodes and devices, one a worker where there are enough; where there are fewer, neighbours share
    /// one. Replicas come one after another, so that the stages of one are near each other.</summary>
    /// <param name="device">The job's: cpu, or cuda.</param>
    /// <exception cref="BadInputException">No node offers such a device, or all are taken.</exception>
    public static IReadOnlyList<(NodeDescription Node, string Device)> Automatic(IReadOnlyList<NodeDescription> nodes, string device, Workers workers)
    {
        var offered = Offered(nodes).Where(place => Kind(place.Device.Name) == Kind(device)).ToArray();
        var free = offered.Where(place => place.Device.Runs.Count == 0).ToArray();
        if (free.Length == 0)
        {
            throw new BadInputException(offered.Length == 0
                ? $"device is {device}, but no node of the cluster offers one; they offer {Listed(nodes)}."
                : $"device is {device}, but all of the cluster's are taken: {string.Join("; ", offered.Select(place => $"{place.Node.Name}/{place.Device.Name} by {place.Device.Runs[0]}"))}.");
        }

        return [.. Enumerable.Range(0, workers.Count).Select(worker =>
            free[free.Length >= workers.Count ? worker : worker * free.Length / workers.Count] is var (node, chosen) ? (node, chosen.Name) : default)];
    }

    /// <param name="pinned"><c>NODE/DEVICE</c> each, one a worker.</param>
    /// <exception cref="BadInputException">There is no such device, or it is taken.</exception>
    public static IReadOnlyList<(NodeDescription Node, string Device)> Pinned(IReadOnlyList<NodeDescription> nodes, IReadOnlyList<string> pinned) =>
        [.. pinned.Select(name => Find(nodes, name))];

    /// <summary>By name, node-2 before node-10.</summary>
    public static IEnumerable<NodeDescription> InOrder(IEnumerable<NodeDescription> nodes) =>
        nodes.OrderBy(node => Numbers.Replace(node.Name, number => number.Value.PadLeft(9, '0')), StringComparer.Ordinal);

    private static (NodeDescription, string) Find(IReadOnlyList<NodeDescription> nodes, string name)
    {
        var found = Offered(nodes).FirstOrDefault(place => $"{place.Node.Name}/{place.Device.Name}" == name);
        return found switch
        {
            { Node: null } => throw new BadInputException($"parallel.placement: there is no {name} in the cluster; there are {Listed(nodes)}."),
            { Device.Runs: [var run, ..] } => throw new BadInputException($"parallel.placement: {name} is taken by {run}."),
            var (node, device) => (node, device.Name),
        };
    }

    private static IEnumerable<(NodeDescription Node, NodeDevice Device)> Offered(IReadOnlyList<NodeDescription> nodes) =>
        from node in InOrder(nodes)
        from device in node.Devices
        select (node, device);

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Numbers { get; }

    private static string Kind(string device) => device.Split(':')[0];

    private static string Listed(IReadOnlyList<NodeDescription> nodes) =>
        nodes.Count == 0 ? "nothing: there is no node" : string.Join(", ", Offered(nodes).Select(place => $"{place.Node.Name}/{place.Device.Name}"));
}
