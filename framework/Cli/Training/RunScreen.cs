using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Training;

/// <summary>Shows a run to the user, wherever it goes on. With <c>--json</c> the picture goes to standard error, so that standard output holds the object alone.</summary>
internal sealed class RunScreen(bool json) : IRunScreen, IDisposable
{
    private readonly IAnsiConsole console =
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(json ? System.Console.Error : System.Console.Out) });

    private RunView? view;
    private RunPlan? shown;

    /// <summary>The run has been seen going on.</summary>
    public bool HasShown => view is not null;

    public void Show(RunPlan plan, IReadOnlyList<StepMetrics> recent)
    {
        shown = plan;
        view ??= console.Profile.Out.IsTerminal ? new LiveView(plan, console) : new PlainView(plan, console);
        if (recent.Count > 0)
        {
            view.TakeUp(recent);
        }
    }

    public void Step(StepMetrics metrics) => view?.Step(metrics);

    public void Event(RunEvent happened) => view?.Event(happened);

    public void Say(string sentence)
    {
        if (view is not null)
        {
            view.Event(new(DateTimeOffset.UtcNow, "warning", 0, sentence));
        }
        else
        {
            System.Console.Error.WriteLine(sentence);
        }
    }

    /// <summary>The last words: what came of the run and where it lies.</summary>
    /// <returns>The exit code.</returns>
    public int Finish(RunSummary summary)
    {
        Dispose();
        if (json)
        {
            System.Console.Out.Write(JsonOutput.Of(summary));
        }

        if (summary.Failure is { } failure)
        {
            System.Console.Error.WriteLine(failure);
        }
        else
        {
            Line($"{char.ToUpperInvariant(summary.Outcome[0])}{summary.Outcome[1..]} after step {summary.Steps}: loss {RunView.Number(summary.FirstLoss)} to {RunView.Number(summary.FinalLoss)}"
                + (summary.FinalValidationLoss is { } validation ? $", validation {RunView.Number(validation)}" : "")
                + RunView.Quality(summary.FinalValidationAccuracy, summary.FinalValidationSequenceAccuracy, summary.FinalValidationRmse)
                + (summary.SkippedSteps == 0 ? "" : $", {RunView.Skipped(summary.SkippedSteps)}")
                + $", {RunView.Clock(TimeSpan.FromSeconds(summary.Seconds))}.");
        }

        Line($"Run: {RunView.Relative(summary.Directory)}" + (summary.Checkpoint is { } checkpoint ? $"   checkpoint: {RunView.Relative(checkpoint)}" : ""));
        if (summary is { Outcome: "interrupted", Checkpoint: not null })
        {
            Line("Continue with --resume.");
        }

        return summary.Outcome switch
        {
            "completed" => ExitCode.Done,
            "interrupted" => ExitCode.Interrupted,
            _ => ExitCode.Failed,
        };
    }

    /// <summary>The terminal goes, and the run goes on.</summary>
    /// <param name="attach">The command that shows it, without its name.</param>
    /// <param name="name">What it was called where it has not been seen.</param>
    /// <returns>The exit code.</returns>
    public int Leave(string attach, string? name = null)
    {
        Dispose();
        name = shown?.Job.Job.Name ?? name;
        if (json)
        {
            System.Console.Out.Write(JsonOutput.Of(new { Name = name, Outcome = "running", Directory = shown?.Directory.Root }));
        }

        Line($"The run goes on; {attach}{(name is null ? "" : $" {name}")} shows it.");
        return ExitCode.Done;
    }

    public void Line(string text) => console.Profile.Out.Writer.WriteLine(text);

    public void Dispose() => view?.Dispose();
}
