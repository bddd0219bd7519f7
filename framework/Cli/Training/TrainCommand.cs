using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Stages;

namespace Pipeline.Cli.Training;

/// <summary><c>pipeline train JOB</c>.</summary>
internal static class TrainCommand
{
    private const int MostProcesses = 256;

    public static Command Create()
    {
        var (job, set, cluster) = (JobArguments.File(), JobArguments.Set(), new ClusterOptions());
        var resume = new ResumeOption(job);
        var processes = new Option<int?>("--processes") { Description = "Start this many nodes on this machine, train over them, and end them." };
        var nodes = new Option<int?>("--nodes") { Description = "With --join: wait until the cluster has this many nodes, a minute at most." };
        var inject = new Option<string[]>("--inject")
        {
            Description = "For drills: make something go wrong, such as \"kill stage=1 step=17 phase=backward\" (kill, freeze, drop, corrupt, slow, fill-disk, nan, fail; see framework/docs/faults.md). May be given several times.",
            AllowMultipleArgumentsPerToken = false,
        };
        var detach = new Option<bool>("--detach") { Description = "With --join: return when the run has begun; pipeline attach shows it." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object, the run's summary, and nothing else on standard output." };
        var command = new Command("train", "Train the model that a job file describes.") { job, set, resume.Option, processes, nodes, detach, inject, json };
        foreach (var option in cluster.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, _) =>
        {
            var (file, from) = resume.Of(parsed);
            var count = parsed.GetValue(processes);
            if (count is < 1 or > MostProcesses)
            {
                throw new BadInputException($"--processes must be from 1 to {MostProcesses}, not {count}.");
            }

            if (count is not null && parsed.GetValue(cluster.Join) is not null)
            {
                throw new BadInputException("--processes makes a cluster of its own and --join uses another; give one of them.");
            }

            if (parsed.GetValue(nodes) is { } wanted && (wanted < 1 || parsed.GetValue(cluster.Join) is null))
            {
                throw new BadInputException(wanted < 1
                    ? $"--nodes must be at least 1, not {wanted}."
                    : "--nodes says how many nodes of a cluster to wait for; it needs --join.");
            }

            var detaches = parsed.GetValue(detach);
            if (detaches && parsed.GetValue(cluster.Join) is null)
            {
                throw new BadInputException("--detach leaves a run to a cluster that is there; it needs --join.");
            }

            var onCluster = ClusterTraining.Of(parsed, cluster, count, parsed.GetValue(nodes));
            var opened = new TrainingPlan(file, parsed.GetValue(set) ?? [], Families.All, from, onCluster is not null, parsed.GetValue(inject));
            return RunAsync(opened, parsed.GetValue(json), AttachCommand.Line(parsed, cluster), onCluster?.Join is not null, onCluster is null
                ? InProcessAsync
                : (plan, screen, stop) => onCluster.RunAsync(plan, detaches, screen, stop));
        });
        return command;
    }

    private static async Task<RunSummary?> InProcessAsync(TrainingPlan plan, RunScreen screen, CancellationToken stop)
    {
        screen.Show(plan.Run, []);
        return await TrainingRun.RunAsync(plan, screen, stop);
    }

    private static async Task<int> RunAsync(
        TrainingPlan opened, bool json, string attach, bool mayLoseTerminal, Func<TrainingPlan, RunScreen, CancellationToken, Task<RunSummary?>> train)
    {
        using var plan = opened;
        using var signals = new StopSignals(withTerminal: !mayLoseTerminal);   // until here a signal simply ends the process: there is nothing to lose
        using var screen = new RunScreen(json);
        try
        {
            return await train(plan, screen, signals.Stop) is { } summary
                ? screen.Finish(summary)
                : screen.Leave(attach);
        }
        catch (RunStoppedException stopped)
        {
            Console.Error.WriteLine(stopped.Message);
            return ExitCode.Interrupted;
        }
        catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
        {
            return ExitCode.Interrupted;   // before the run had begun
        }
    }
}
