using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Core;
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
        var json = new Option<bool>("--json") { Description = "Print one JSON object, the run's summary, and nothing else on standard output." };
        var command = new Command("train", "Train the model that a job file describes.") { job, set, resume.Option, processes, nodes, inject, json };
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

            var onCluster = ClusterTraining.Of(parsed, cluster, count, parsed.GetValue(nodes));
            var opened = new TrainingPlan(file, parsed.GetValue(set) ?? [], Families.All, from, onCluster is not null, parsed.GetValue(inject));
            return RunAsync(opened, parsed.GetValue(json), onCluster is null
                ? (plan, view, stop) => TrainingRun.RunAsync(plan, view(), stop)
                : onCluster.RunAsync);
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
}
