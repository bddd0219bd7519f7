using System.Globalization;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Training;

/// <summary>The run at a glance, redrawn a few times a second by a task of its own: the coordinator only leaves the newest numbers.</summary>
internal sealed class LiveView : RunView
{
    private const int History = 60;
    private const int MostBar = 24;
    private const int BesideBar = 73;   // columns of the table's other parts
    private const string Blocks = "▁▂▃▄▅▆▇█";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Lock gate = new();
    private readonly List<double> losses = [];
    private readonly StageShare[] shares;
    private readonly CancellationTokenSource ended = new();
    private readonly int barWidth;
    private readonly Task drawing;
    private StepMetrics? newest;
    private int steps;
    private int skipped;
    private StepMetrics? evaluated;
    private string news = "starting";

    public LiveView(RunPlan plan, IAnsiConsole console)
        : base(plan, console)
    {
        shares = [.. plan.Summaries.Select(_ => new StageShare(1, 0))];
        barWidth = Math.Clamp(console.Profile.Width - BesideBar, MostBar / 3, MostBar);
        drawing = console.Live(Draw()).AutoClear(false).StartAsync(RedrawAsync);
    }

    public override void Step(StepMetrics metrics)
    {
        lock (gate)
        {
            if (newest is { } before && metrics.Step <= before.Step)
            {
                losses.RemoveRange(Math.Max(0, losses.Count - (int)(before.Step - metrics.Step) - 1), Math.Min(losses.Count, (int)(before.Step - metrics.Step) + 1));   // they come again
            }

            newest = metrics;
            steps++;
            skipped += metrics.Skipped ? 1 : 0;
            evaluated = metrics.ValidationLoss is null ? evaluated : metrics;
            if (metrics.Loss is { } loss)
            {
                losses.Add(loss);
            }

            foreach (var (worker, stage) in metrics.Stages.Index())
            {
                // Smoothed over about twenty steps: a single one flickers.
                shares[worker] = shares[worker].Towards(StageShare.Of(stage, metrics.StepSeconds), 1.0 / Math.Min(steps, 20));
            }
        }
    }

    public override void TakeUp(IReadOnlyList<StepMetrics> recent)
    {
        lock (gate)
        {
            base.TakeUp(recent);
            losses.Clear();
            losses.AddRange(recent.SkipLast(1).Select(step => step.Loss).OfType<double>());
            evaluated = recent.LastOrDefault(step => step.ValidationLoss is not null) ?? evaluated;
            newest = null;   // it may have come from a later step than these
            Step(recent[^1]);
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
        var (step, total) = (newest?.Step ?? 0, Plan.Job.Job.Steps);
        var speed = newest is null ? "" : string.Create(CultureInfo.InvariantCulture, $"   {newest.TokensPerSecond:N0} tokens/s   {TimeLeft(step)} left");
        var without = skipped == 0 ? "" : $"   [yellow]{Skipped(skipped)}[/]";
        return new Markup($"step {step}/{total} {Bar.Draw(barWidth, ((double)step / total, "green"))}{speed}{without}");
    }

    private Markup Loss() => new(
        $"loss [bold]{Number(losses.Count == 0 ? null : losses[^1])}[/]{Quality(newest?.Accuracy, newest?.SequenceAccuracy, newest?.Rmse)}   "
        + $"validation {Number(evaluated?.ValidationLoss)}{Quality(evaluated?.ValidationAccuracy, evaluated?.ValidationSequenceAccuracy, evaluated?.ValidationRmse)}   "
        + $"[blue]{Course()}[/]");

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
        var all = StageShare.Mean(shares);
        var table = new Table().Border(TableBorder.Rounded).AddColumns(
            new TableColumn(Plan.Job.Parallel.Replicas == 1 ? "stage" : "replica.stage").Footer("all"),
            new TableColumn("layers"),
            new TableColumn("device"),
            new TableColumn("[green]busy[/]").NoWrap().Footer(Shares(all)),
            new TableColumn("[grey]bubble[/]").RightAligned().Footer(Share(all.Bubble)),
            new TableColumn("[yellow]transfers[/]").RightAligned().Footer(Share(all.Transfers)),
            new TableColumn("in flight").RightAligned());
        table.ShowFooters = shares.Length > 1;
        foreach (var (worker, stage) in Plan.Summaries.Index())
        {
            table.AddRow(
                Plan.Job.Parallel.Replicas == 1 ? $"{stage.Stage}" : $"{stage.Replica}.{stage.Stage}",
                stage.Layers.EscapeMarkup(),
                Place(stage).EscapeMarkup(),
                Shares(shares[worker]),
                Share(shares[worker].Bubble),
                Share(shares[worker].Transfers),
                newest?.Stages[worker].PeakInFlight.ToString(CultureInfo.InvariantCulture) ?? "-");
        }

        return table;
    }

    private string Share(double share) => newest is null ? "-" : Percent(share);

    private string Shares(StageShare share) => Bar.Draw(barWidth, (1 - share.Bubble, "green"), (share.Transfers, "yellow"));
}
