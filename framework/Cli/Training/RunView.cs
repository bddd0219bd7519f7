using System.Diagnostics;
using System.Globalization;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Training;

/// <summary>Shows a run to the user. With <c>--json</c> it goes to standard error, so that standard output holds the object alone.</summary>
internal abstract class RunView(TrainingPlan plan, IAnsiConsole console) : IRunObserver, IDisposable
{
    private readonly long began = Stopwatch.GetTimestamp();
    private readonly long firstStep = (plan.Resumed?.Manifest.Step ?? 0) + 1;

    protected TrainingPlan Plan => plan;

    public static RunView Create(TrainingPlan plan, bool json)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(json ? System.Console.Error : System.Console.Out) });
        return console.Profile.Out.IsTerminal ? new LiveView(plan, console) : new PlainView(plan, console);
    }

    public abstract void Step(StepMetrics metrics);

    public abstract void Event(RunEvent happened);

    public abstract void Dispose();

    /// <summary>The last words: what came of it and where it lies.</summary>
    public void Finish(RunSummary summary)
    {
        if (summary.Failure is { } failure)
        {
            System.Console.Error.WriteLine(failure);
        }
        else
        {
            Line($"{Capital(summary.Outcome)} after step {summary.Steps}: loss {Number(summary.FirstLoss)} to {Number(summary.FinalLoss)}"
                + (summary.FinalValidationLoss is { } validation ? $", validation {Number(validation)}" : "")
                + Quality(summary.FinalValidationAccuracy, summary.FinalValidationSequenceAccuracy, summary.FinalValidationRmse)
                + (summary.SkippedSteps == 0 ? "" : $", {Skipped(summary.SkippedSteps)}")
                + $", {Clock(TimeSpan.FromSeconds(summary.Seconds))}.");
        }

        Line($"Run: {Relative(summary.Directory)}" + (summary.Checkpoint is { } checkpoint ? $"   checkpoint: {Relative(checkpoint)}" : ""));
        if (summary is { Outcome: "interrupted", Checkpoint: not null })
        {
            Line("Continue with --resume.");
        }
    }

    protected void Line(string text) => console.Profile.Out.Writer.WriteLine(text);

    protected string Headline() => string.Create(
        CultureInfo.InvariantCulture,
        $"{plan.Job.Job.Name}: {plan.Job.Model.Architecture}, {plan.Partition.Model.ParameterCount:N0} parameters, "
        + $"{plan.Schedule.Ranks.Count} stages{(plan.Job.Parallel.Replicas == 1 ? "" : $" x {plan.Job.Parallel.Replicas} replicas")}, {plan.Job.Parallel.Schedule}, {plan.Job.Batch.MicroBatches} micro-batches, "
        + $"{plan.Data.Description}");

    protected string TimeLeft(long step)
    {
        var elapsed = Stopwatch.GetElapsedTime(began);
        var seconds = elapsed.TotalSeconds / (step - firstStep + 1) * (plan.Job.Job.Steps - step);
        return Clock(TimeSpan.FromSeconds(Math.Min(seconds, 1e9)));   // thirty years will do
    }

    /// <summary>The device, and the node where there are several.</summary>
    protected string Place(StageSummary stage) =>
        plan.Places.Select(place => place.Node).Distinct().Skip(1).Any() ? $"{stage.Node}/{stage.Device}" : stage.Device;

    protected static string Number(double? value) => value is { } number ? LossText.Of(number) : "-";

    protected static string Skipped(long steps) => $"{steps} step{(steps == 1 ? "" : "s")} skipped";

    protected static string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture).Replace(" ", "", StringComparison.Ordinal);

    /// <summary>How much is right, after a comma; nothing where that is not counted.</summary>
    protected static string Quality(double? accuracy, double? wholeSequences, double? rmse) =>
        (accuracy is { } right ? $", accuracy {Quantity.Percent(right)}" : "")
        + (wholeSequences is { } whole ? $", whole sequences {Quantity.Percent(whole)}" : "")
        + (rmse is { } error ? string.Create(CultureInfo.InvariantCulture, $", RMSE {error:G4}") : "");

    private static string Clock(TimeSpan time) => time.ToString(
        time.TotalDays >= 1 ? @"d\d\ hh\:mm\:ss" : time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>Relative where that is shorter to read: below the working directory.</summary>
    private static string Relative(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path) is var relative
        && relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
}
