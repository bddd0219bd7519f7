using System.CommandLine;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Training;

/// <summary><c>pipeline train JOB</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var (job, set) = (JobArguments.File(), JobArguments.Set());
        var resume = new Option<bool>("--resume") { Description = "Continue from the newest whole checkpoint in the job's directory." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object, the run's summary, and nothing else on standard output." };
        var command = new Command("train", "Train the model that a job file describes.") { job, set, resume, json };
        command.SetAction((parsed, _) =>
            RunAsync(parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], parsed.GetValue(resume), parsed.GetValue(json)));
        return command;
    }

    private static async Task<int> RunAsync(string job, string[] overrides, bool resume, bool json)
    {
        using var plan = new TrainingPlan(job, overrides, Architectures.All, resume);
        using var signals = new StopSignals();   // until here a signal simply ends the process: there is nothing to lose
        var view = RunView.Create(plan, json);
        RunSummary summary;
        using (view)
        {
            summary = await TrainingRun.RunAsync(plan, view, signals.Stop);
        }

        if (json)
        {
            Console.Out.Write(JsonOutput.Of(summary));
        }

        view.Finish(summary);
        return summary.Outcome switch
        {
            "completed" => ExitCode.Done,
            "interrupted" => ExitCode.Interrupted,
            _ => ExitCode.Failed,
        };
    }
}
