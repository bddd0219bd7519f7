using System.Globalization;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli;

/// <summary>The run at a glance, redrawn a few times a second by a task of its own: the coordinator only leaves the newest numbers.</summary>
internal sealed class LiveView : RunView
{
    private const int History = 60;
    private const int BarWidth = 24;
    private const string Blocks = "▁▂▃▄▅▆▇█";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Lock gate = new();
    private readonly List<double> losses = [];
    private readonly double[] busy;
    private readonly CancellationTokenSource ended = new();
    private readonly Task drawing;
    private StepMetrics? newest;
    private double? validation;
    private string news = "starting";

    public LiveView(TrainingPlan plan, IAnsiConsole console)
        : base(plan, console)
    {
        busy = new double[plan.Schedule.Ranks.Count];
        drawing = console.Live(Draw()).AutoClear(false).StartAsync(RedrawAsync);
    }

    public override void Step(StepMetrics metrics)
    {
        lock (gate)
        {
            newest = metrics;
            validation = metrics.ValidationLoss ?? validation;
            if (metrics.Loss is { } loss)
            {
                losses.Add(loss);
            }

            foreach (var stage in metrics.Stages)
            {
                // Smoothed over about twenty steps: a single one flickers.
                busy[stage.Stage] += (1 - stage.Bubble - busy[stage.Stage]) / Math.Min(metrics.Step, 20);
            }
        }
    }

    public override void Event(RunEvent happened)
    {
        lock (gate)
        {
            news = happened.Message;
        }
    }

    public override void Dispose()
    {
        ended.Cancel();
        drawing.GetAwaiter().GetResult();
        ended.Dispose();
    }

    private async Task RedrawAsync(LiveDisplayContext context)
    {
        while (!ended.IsCancellationRequested)
        {
            context.UpdateTarget(Draw());
            await Task.Delay(Interval, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        context.UpdateTarget(Draw());
    }

    private Rows Draw()
    {
        lock (gate)
        {
            return new Rows(new Markup($"[bold]{Headline().EscapeMarkup()}[/]"), Progress(), Loss(), Stages(), new Markup($"[grey]{news.EscapeMarkup()}[/]"));
        }
    }

    private Markup Progress()
    {
        var (step, steps) = (newest?.Step ?? 0, Plan.Job.Job.Steps);
        var speed = newest is null ? "" : string.Create(CultureInfo.InvariantCulture, $"   {newest.TokensPerSecond:N0} tokens/s   {TimeLeft(step)} left");
        return new Markup($"step {step}/{steps} {Bar((double)step / steps)}{speed}");
    }

    private Markup Loss() => new(
        $"loss [bold]{Number(losses.Count == 0 ? null : losses[^1])}[/]   validation {Number(validation)}   [blue]{Course()}[/]");

    /// <summary>The recent losses as a line of blocks.</summary>
    private string Course()
    {
        var recent = losses.TakeLast(History).ToArray();
        if (recent.Length < 2)
        {
            return "";
        }

        var (low, high) = (recent.Min(), recent.Max());
        return string.Concat(recent.Select(loss => Blocks[high > low ? (int)((loss - low) / (high - low) * (Blocks.Length - 1)) : 0]));
    }

    private Table Stages()
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("stage", "layers", "device", "busy", "in flight");
        foreach (var stage in Plan.Stages)
        {
            var inFlight = newest?.Stages[stage.Stage].PeakInFlight.ToString(CultureInfo.InvariantCulture) ?? "-";
            table.AddRow(
                $"{stage.Stage}", stage.Layers.EscapeMarkup(), stage.Device.EscapeMarkup(), $"{Bar(busy[stage.Stage])} {Percent(busy[stage.Stage])}", inFlight);
        }

        return table;
    }

    private static string Bar(double share)
    {
        var full = (int)Math.Round(Math.Clamp(share, 0, 1) * BarWidth);
        return $"[green]{new string('━', full)}[/][grey]{new string('━', BarWidth - full)}[/]";
    }
}
