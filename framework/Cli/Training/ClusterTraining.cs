using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Stages;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.Training;

/// <summary>Trains over the nodes of a cluster: one that is there, or one of this machine's processes, made for the run.</summary>
/// <param name="Settings">Of this process as a member.</param>
/// <param name="Join">HOST:PORT of a member; null where the run has a cluster of its own.</param>
/// <param name="Nodes">How many nodes to wait for before the run is placed, or to start for it.</param>
/// <param name="NodeOptions">For the processes.</param>
internal sealed record ClusterTraining(
    ClusterSettings Settings, string? Join, int Nodes, bool Insecure, IReadOnlyList<string> NodeOptions)
{
    /// <summary>Generous: a process is a member about two seconds after its start where the machine is not busy.</summary>
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(60);

    /// <summary>Null where the command asks for a run in this process. libtorch is not loaded yet.</summary>
    public static ClusterTraining? Of(ParseResult parsed, ClusterOptions options, int? processes, int? nodes)
    {
        var settings = options.Visitor(parsed) with { IsOfOneRun = processes is not null };
        LibTorch.Prefer(settings.InstructionSet);
        var join = parsed.GetValue(options.Join);
        return processes is null && join is null ? null : new(settings, join, processes ?? nodes ?? 1, parsed.GetValue(options.Insecure), options.Further(parsed));
    }

    /// <param name="detaches">Returns when the run has begun; only where it uses a cluster that is there.</param>
    /// <returns>What came of it; null where it goes on.</returns>
    public Task<RunSummary?> RunAsync(TrainingPlan plan, bool detaches, RunScreen screen, CancellationToken stop) => Join is null
        ? HereAsync(plan, screen, stop)
        : new RunClient(Settings, Join, Insecure, Families.All).TrainAsync(plan.Run, Nodes, detaches, screen, stop);

    /// <summary>This process has the coordinator, and its children the stages.</summary>
    private async Task<RunSummary?> HereAsync(TrainingPlan plan, RunScreen screen, CancellationToken stop)
    {
        await using var member = await ClusterNode.StartAsync(Settings, null, [ClusterNode.CoordinatorRole], Insecure, stop: stop);
        await using var nodes = NodeProcesses.Start(
            $"{member.Address.Host}:{member.Address.Port}", OfferedDevices.Spread(plan.Job.Device[0], Nodes + plan.Job.Recovery.Spares), Nodes, NodeOptions);
        var preparing = ClusterRun.PrepareAsync(member, Settings, plan.Run, Nodes, JoinLimit, stop);
        if (await Task.WhenAny(preparing, nodes.TooFew) != preparing && !stop.IsCancellationRequested)
        {
            throw new IOException(await nodes.TooFew);
        }

        using var run = await preparing;
        screen.Show(plan.Run, []);
        return await run.RunAsync(screen, stop);
    }
}
