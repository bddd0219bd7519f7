using System.Globalization;
using Spectre.Console;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>Prints an inspection for people.</summary>
internal static class InspectionView
{
    private const int FileWidth = 120;

    public static void Print(Inspection inspection, InspectionReport report, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = FileWidth;
        }

        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Step {report.Step} of {report.FirstStep} to {report.LastStep}: {report.Schedule}, {report.Stages.Count} stages, {report.MicroBatches} micro-batches."));
        console.WriteLine(
            $"Measured: {Quantity.Time(report.Measured.Seconds)}, bubble {Quantity.Percent(report.Measured.Bubble)}. "
            + $"Planned: {Quantity.Time(report.Planned.Seconds)}, bubble {Quantity.Percent(report.Planned.Bubble)}.");
        console.WriteLine(Slowest(report));
        console.Write(Stages(report));
        var gantt = new TextGantt(inspection.Schedule, Math.Max(report.Measured.Seconds, report.Planned.Seconds), console.Profile.Width);
        gantt.Write(console, "measured", inspection.Measured);
        gantt.Write(console, "planned", inspection.Planned);

        if (report.Picture is { } picture)
        {
            console.WriteLine($"Picture: {picture}");
        }
    }

    private static string Slowest(InspectionReport report)
    {
        var slowest = report.Stages[report.SlowestStage];
        var share = slowest.BusySeconds / report.Stages.Average(stage => stage.BusySeconds);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The slowest stage is {slowest.Stage}: {Quantity.Time(slowest.BusySeconds)} of work, {share:F2} times the mean.");
    }

    private static Table Stages(InspectionReport report)
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var title in new[] { "stage", "busy", "bubble", "planned", "transfers", "optimizer", "in flight" })
        {
            table.AddColumn(new TableColumn(title).RightAligned());
        }

        foreach (var stage in report.Stages)
        {
            table.AddRow(
                stage.Stage.ToString(CultureInfo.InvariantCulture),
                Quantity.Time(stage.BusySeconds),
                Quantity.Percent(stage.Bubble),
                Quantity.Percent(stage.PlannedBubble),
                report.Measured.Seconds > 0 ? Quantity.Percent(stage.TransferSeconds / report.Measured.Seconds) : "-",
                stage.OptimizerSeconds is { } optimizer ? Quantity.Time(optimizer) : "-",
                stage.PeakInFlight.ToString(CultureInfo.InvariantCulture));
        }

        return table;
    }
}
