using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.Training;

/// <summary><c>pipeline train JOB</c>.</summary>
internal static class TrainCommand
{
    private const int MostProcesses = 256;

    /// <summary>How long a cluster's first nodes may take to join: a process starts in about two seconds where the machine is not busy.</summary>
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(60);

    public static Command Create()
    {
        var (job, set, cluster) = (JobArguments.File(), JobArguments.Set(), new ClusterOptions());
        var resume = new Option<bool>("--resume") { Description = "Continue from the newest whole checkpoint in the job's directory." };
        var processes = new Option<int?>("--processes") { Description = "Start this many nodes on this machine, train over them, and end them." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object, the run's summary, and nothing else on standard output." };
        var command = new Command("train", "Train the model that a job file describes.") { job, set, resume, processes, json };
        foreach (var option in cluster.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, _) =>
        {
            var count = parsed.GetValue(processes);
            if (count is < 1 or > MostProcesses)
            {
                throw new BadInputException($"--processes must be from 1 to {MostProcesses}, not {count}.");
            }

            if (count is not null && parsed.GetValue(cluster.Join) is not null)
            {
                throw new BadInputException("--processes makes a cluster of its own and --join uses another; give one of them.");
            }

            var settings = cluster.Visitor(parsed);
            LibTorch.Prefer(settings.InstructionSet);
            var elsewhere = count is not null || parsed.GetValue(cluster.Join) is not null;
            var opened = new TrainingPlan(parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], Architectures.All, parsed.GetValue(resume), elsewhere);
            return RunAsync(opened, parsed.GetValue(json), (plan, view, stop) => !elsewhere
                ? TrainingRun.RunAsync(plan, view(), stop)
                : OnClusterAsync(plan, view, stop, settings, parsed.GetValue(cluster.Join), count, parsed.GetValue(cluster.Insecure), NodeOptions(parsed, cluster)));
        });
        return command;
    }

    private static async Task<int> RunAsync(
        TrainingPlan opened, bool json, Func<TrainingPlan, Func<IRunObserver>, CancellationToken, Task<RunSummary>> train)
    {
        using var plan = opened;
        using var signals = new StopSignals();   // until here a signal simply ends the process: there is nothing to lose
        RunView? view = null;
        RunSummary summary;
        try
        {
            summary = await train(plan, () => view = RunView.Create(plan, json), signals.Stop);
        }
        catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
        {
            return ExitCode.Interrupted;   // before the run had begun
        }
        finally
        {
            view?.Dispose();
        }

        if (json)
        {
            Console.Out.Write(JsonOutput.Of(summary));
        }

        view!.Finish(summary);
        return summary.Outcome switch
        {
            "completed" => ExitCode.Done,
            "interrupted" => ExitCode.Interrupted,
            _ => ExitCode.Failed,
        };
    }

    /// <param name="processes">Of this machine, to start for the run; null to use the nodes of the cluster that it joins.</param>
    private static async Task<RunSummary> OnClusterAsync(
        TrainingPlan plan,
        Func<IRunObserver> view,
        CancellationToken stop,
        ClusterSettings settings,
        string? join,
        int? processes,
        bool insecure,
        IReadOnlyList<string> nodeOptions)
    {
        await using var member = await ClusterNode.StartAsync(settings, join, [ClusterNode.CoordinatorRole], insecure: insecure, stop: stop);
        await using var nodes = processes is { } count
            ? NodeProcesses.Start($"{member.Address.Host}:{member.Address.Port}", OfferedDevices.Spread(plan.Job.Device[0], count), nodeOptions)
            : null;
        var preparing = ClusterRun.PrepareAsync(member.System, plan, processes ?? 1, JoinLimit, stop);
        if (nodes is not null && await Task.WhenAny(preparing, nodes.FirstEnded) != preparing)
        {
            throw new IOException(await nodes.FirstEnded);
        }

        var run = await preparing;
        return await run.RunAsync(view(), stop);
    }

    private static string[] NodeOptions(ParseResult parsed, ClusterOptions cluster) =>
    [
        .. parsed.GetValue(cluster.Config) is { } config ? ["--config", config] : Array.Empty<string>(),
        .. parsed.GetValue(cluster.Host) is { } host ? ["--host", host] : Array.Empty<string>(),
        .. parsed.GetValue(cluster.Insecure) ? ["--insecure"] : Array.Empty<string>(),
    ];
}
