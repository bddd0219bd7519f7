using System.Diagnostics;
using System.Globalization;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Training;

/// <summary>A picture of a run for the user.</summary>
internal abstract class RunView(RunPlan plan, IAnsiConsole console) : IRunObserver, IDisposable
{
    private long began = Stopwatch.GetTimestamp();
    private long firstStep = (plan.Resumed?.Step ?? 0) + 1;

    protected RunPlan Plan => plan;

    public abstract void Step(StepMetrics metrics);

    public abstract void Event(RunEvent happened);

    public abstract void Dispose();

    /// <summary>The run was at these steps already when it came into sight, or again.</summary>
    /// <param name="recent">All but the last without their stages; at least one.</param>
    public virtual void TakeUp(IReadOnlyList<StepMetrics> recent) => (began, firstStep) = (Stopwatch.GetTimestamp(), recent[^1].Step + 1);

    protected void Line(string text) => console.Profile.Out.Writer.WriteLine(text);

    protected string Headline() => string.Create(
        CultureInfo.InvariantCulture,
        $"{plan.Job.Job.Name}: {plan.Job.Model.Architecture}, {plan.Partition.Model.ParameterCount:N0} parameters, "
        + $"{plan.Schedule.Ranks.Count} stages{(plan.Job.Parallel.Replicas == 1 ? "" : $" x {plan.Job.Parallel.Replicas} replicas")}, {plan.Job.Parallel.Schedule}, {plan.Job.Batch.MicroBatches} micro-batches, "
        + $"{plan.Data.Description}");

    protected string TimeLeft(long step)
    {
        var elapsed = Stopwatch.GetElapsedTime(began);
        var seconds = elapsed.TotalSeconds / Math.Max(1, step - firstStep + 1) * (plan.Job.Job.Steps - step);
        return Clock(TimeSpan.FromSeconds(Math.Min(seconds, 1e9)));   // thirty years will do
    }

    /// <summary>The device, and the node where there are several.</summary>
    protected string Place(StageSummary stage) =>
        plan.Places.Select(place => place.Node).Distinct().Skip(1).Any() ? $"{stage.Node}/{stage.Device}" : stage.Device;

    public static string Number(double? value) => value is { } number ? LossText.Of(number) : "-";

    internal static string Skipped(long steps) => $"{steps} step{(steps == 1 ? "" : "s")} skipped";

    protected static string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture).Replace(" ", "", StringComparison.Ordinal);

    /// <summary>How much is right, after a comma; nothing where that is not counted.</summary>
    public static string Quality(double? accuracy, double? wholeSequences, double? rmse) =>
        (accuracy is { } right ? $", accuracy {Quantity.Percent(right)}" : "")
        + (wholeSequences is { } whole ? $", whole sequences {Quantity.Percent(whole)}" : "")
        + (rmse is { } error ? string.Create(CultureInfo.InvariantCulture, $", RMSE {error:G4}") : "");

    public static string Clock(TimeSpan time) => time.ToString(
        time.TotalDays >= 1 ? @"d\d\ hh\:mm\:ss" : time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    /// <summary>Relative where that is shorter to read: below the working directory.</summary>
    public static string Relative(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path) is var relative
        && relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
}
