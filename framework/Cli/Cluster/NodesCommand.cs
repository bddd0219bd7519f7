using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Spectre.Console;

namespace Pipeline.Cli.Cluster;

/// <summary><c>pipeline nodes</c>: what a cluster has and does.</summary>
internal static class NodesCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        var cluster = new ClusterOptions();
        cluster.Join.Required = true;
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of a table." };
        var command = new Command("nodes", "List the nodes of a cluster, their devices and what these run.") { json };
        foreach (var option in cluster.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, stop) => RunAsync(
            cluster.Visitor(parsed), parsed.GetRequiredValue(cluster.Join)!, parsed.GetValue(cluster.Insecure), parsed.GetValue(json), stop));
        return command;
    }

    private static async Task<int> RunAsync(ClusterSettings settings, string join, bool insecure, bool json, CancellationToken stop)
    {
        await using var member = await ClusterNode.StartAsync(settings, join, [], insecure: insecure, stop: stop);
        var nodes = await ClusterRun.NodesAsync(member.System, 0, Limit, stop);
        if (json)
        {
            Console.Out.Write(JsonOutput.Of(new { Nodes = nodes }));
        }
        else
        {
            Print(nodes);
        }

        return ExitCode.Done;
    }

    private static void Print(IReadOnlyList<NodeDescription> nodes)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("node", "address", "process", "device", "memory", "runs", "refused");
        foreach (var node in nodes)
        {
            foreach (var (index, device) in node.Devices.Index())
            {
                table.AddRow(
                    (index == 0 ? node.Name : "").EscapeMarkup(),
                    (index == 0 ? node.Address : "").EscapeMarkup(),
                    index == 0 ? node.Process.ToString(CultureInfo.InvariantCulture) : "",
                    device.Name,
                    device.Memory == 0 ? "-" : ByteSize.Format(device.Memory),
                    (device.Runs.Count == 0 ? "-" : string.Join(", ", device.Runs)).EscapeMarkup(),
                    index == 0 ? Refused(node) : "");
            }
        }

        AnsiConsole.Write(table);
    }

    private static string Refused(NodeDescription node) => node.Refused.Values.Sum() is 0
        ? "-"
        : string.Join(", ", node.Refused.Where(entry => entry.Value > 0).Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Value} {entry.Key}")));
}
