using System.CommandLine;
using System.Globalization;
using Pipeline.Cli.Training;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Stages;

namespace Pipeline.Cli.Cluster;

/// <summary><c>pipeline node</c>: lends this machine's devices to a cluster until it is stopped.</summary>
internal static class NodeCommand
{
    /// <summary>For a node that another process has started: it ends when its standard input closes, and leaves Ctrl-C to that process.</summary>
    public const string AttachedOption = "--attached";

    public static Command Create()
    {
        var cluster = new ClusterOptions();
        var devices = new Option<string?>("--devices") { Description = "What the node lends: cpu, cuda, cuda:0,cuda:1 or auto (all GPUs, or the CPU where there is none)." };
        var port = new Option<int?>("--port") { Description = "The port to listen on; 0 for any free one." };
        var name = new Option<string?>("--name") { Description = "The node's name in placements and reports; HOST:PORT without it." };
        var attached = new Option<bool>(AttachedOption) { Hidden = true };
        var command = new Command("node", "Join a cluster, or begin one, and lend it this machine's devices.") { devices, port, name, attached };
        foreach (var option in cluster.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, _) =>
        {
            var settings = cluster.Settings(parsed);
            var node = settings.Node;
            settings = settings with
            {
                IsOfOneRun = parsed.GetValue(attached),
                Node = node with
                {
                    Port = parsed.GetValue(port) ?? node.Port,
                    Name = parsed.GetValue(name) ?? node.Name,
                    Devices = parsed.GetValue(devices)?.Split(',', StringSplitOptions.TrimEntries) ?? node.Devices,
                },
            };
            ClusterOptions.Check(settings);
            return RunAsync(settings, parsed.GetValue(cluster.Join), parsed.GetValue(cluster.Insecure), parsed.GetValue(attached));
        });
        return command;
    }

    private static async Task<int> RunAsync(ClusterSettings settings, string? join, bool insecure, bool attached)
    {
        using var signals = attached ? null : new StopSignals();
        using var ignored = attached ? new IgnoredInterrupt() : null;
        using var parent = attached ? new ParentsEnd() : null;
        var stop = parent?.Token ?? signals!.Stop;
        try
        {
            await using var node = await Node.StartAsync(settings, join, insecure, Families.All, stop);
            if (!attached)
            {
                Tell(node.Description, join);
            }

            var stopped = Task.Delay(Timeout.Infinite, stop);
            if (await Task.WhenAny(stopped, node.Ended) == stopped)
            {
                return ExitCode.Done;
            }

            Console.Error.WriteLine($"The node ends: {await node.Ended}.");
            return ExitCode.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
    }

    private static void Tell(NodeDescription node, string? join)
    {
        var devices = string.Join(", ", node.Devices.Select(device => string.Create(CultureInfo.InvariantCulture, $"{device.Name} ({ByteSize.Format(device.Memory)})")));
        Console.WriteLine($"Node {node.Name} lends {devices}" + (join is null ? "" : $"; it has joined {join}") + $"; others join it at {node.Address}.");
        Console.WriteLine("Ctrl-C ends it.");
    }
}
