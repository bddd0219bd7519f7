using System.Diagnostics;
using System.Globalization;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Training;

/// <summary>Lines for logs and pipes: about thirty over the run, at least one every half minute, and one for each event worth reading.</summary>
internal sealed class PlainView : RunView
{
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(30);

    private readonly long interval;
    private long skipped;
    private long lastLine = Stopwatch.GetTimestamp();

    public PlainView(TrainingPlan plan, IAnsiConsole console)
        : base(plan, console)
    {
        interval = Math.Max(1, plan.Job.Job.Steps / 30);
        Line(Headline());
        foreach (var (worker, stage) in plan.Summaries.Index())
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"{plan.Stages.Workers.NameOf(worker)}: {stage.Layers}, {stage.Parameters:N0} parameters, {Place(stage)}"));
        }
    }

    public override void Step(StepMetrics metrics)
    {
        skipped += metrics.Skipped ? 1 : 0;
        if (metrics.Step % interval == 0 || metrics.Step == 1 || metrics.Skipped || Stopwatch.GetElapsedTime(lastLine) > LongestSilence)
        {
            lastLine = Stopwatch.GetTimestamp();
            var all = StageShare.Mean([.. metrics.Stages.Select(stage => StageShare.Of(stage, metrics.StepSeconds))]);
            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"step {metrics.Step}/{Plan.Job.Job.Steps}  loss {(metrics.Skipped ? $"skipped ({skipped} so far)" : Number(metrics.Loss))}{Quality(metrics.Accuracy, metrics.SequenceAccuracy, metrics.Rmse)}  "
                + $"{metrics.TokensPerSecond:N0} tokens/s  bubble {Percent(all.Bubble)} ({string.Join(' ', metrics.Stages.Select(stage => Percent(stage.Bubble)))}), "
                + $"transfers {Percent(all.Transfers)}  "
                + $"{TimeLeft(metrics.Step)} left"));
        }
    }

    public override void Event(RunEvent happened)
    {
        if (happened.Kind is "evaluation" or "warning" or "fault" or "recovery" or "join" or "loss-spike" or "injected")
        {
            Line(happened.Message);
        }
    }

    public override void Dispose()
    {
    }
}
