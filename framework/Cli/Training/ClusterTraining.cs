using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.Training;

/// <summary>Trains over the nodes of a cluster: one that is there, or one of this machine's processes, made for the run.</summary>
/// <param name="Settings">Of this process as a member.</param>
/// <param name="Join">HOST:PORT of a member; null where the run has a cluster of its own.</param>
/// <param name="Processes">Nodes to start for the run; null where others are used.</param>
/// <param name="Nodes">How many nodes to wait for before the run is placed.</param>
/// <param name="NodeOptions">For the processes.</param>
internal sealed record ClusterTraining(
    ClusterSettings Settings, string? Join, int? Processes, int Nodes, bool Insecure, IReadOnlyList<string> NodeOptions)
{
    /// <summary>Generous: a process is a member about two seconds after its start where the machine is not busy.</summary>
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(60);

    /// <summary>Null where the command asks for a run in this process. libtorch is not loaded yet.</summary>
    public static ClusterTraining? Of(ParseResult parsed, ClusterOptions options, int? processes, int? nodes)
    {
        var settings = options.Visitor(parsed) with { IsOfOneRun = processes is not null };
        LibTorch.Prefer(settings.InstructionSet);
        var join = parsed.GetValue(options.Join);
        string[] nodeOptions =
        [
            .. parsed.GetValue(options.Config) is { } config ? ["--config", config] : Array.Empty<string>(),
            .. parsed.GetValue(options.Host) is { } host ? ["--host", host] : Array.Empty<string>(),
            .. parsed.GetValue(options.Insecure) ? ["--insecure"] : Array.Empty<string>(),
        ];
        return processes is null && join is null ? null : new(settings, join, processes, processes ?? nodes ?? 1, parsed.GetValue(options.Insecure), nodeOptions);
    }

    /// <param name="view">Makes what shows the run; called when it is placed.</param>
    public async Task<RunSummary> RunAsync(TrainingPlan plan, Func<IRunObserver> view, CancellationToken stop)
    {
        await using var member = await ClusterNode.StartAsync(Settings, Join, [ClusterNode.CoordinatorRole], Insecure, stop: stop);
        await using var nodes = Processes is { } count
            ? NodeProcesses.Start($"{member.Address.Host}:{member.Address.Port}", OfferedDevices.Spread(plan.Job.Device[0], count + plan.Job.Recovery.Spares), NodeOptions)
            : null;
        var preparing = ClusterRun.PrepareAsync(member, Settings, plan, Nodes, JoinLimit, stop);
        if (nodes is not null && await Task.WhenAny(preparing, nodes.FirstEnded) != preparing)
        {
            throw new IOException(await nodes.FirstEnded);
        }

        using var run = await preparing;
        return await run.RunAsync(view(), stop);
    }
}
