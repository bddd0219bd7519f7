using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>Steps as lines of text in the colours of their actions, one time axis for all.</summary>
/// <param name="seconds">Of the longest.</param>
/// <param name="width">Of the console.</param>
internal sealed class TextGantt(Schedule schedule, double seconds, int width)
{
    private readonly Gantt gantt = new(schedule, seconds, Math.Max(20, width - 12), unit: 1e-3);

    public void Write(IAnsiConsole console, string title, StepTrace step)
    {
        console.WriteLine($"{title}, ms");
        console.WriteLine(gantt.Axis(""));
        for (var rank = 0; rank < step.Ranks.Count; rank++)
        {
            console.Write(Row(rank, step.Ranks[rank], step.Start));
            console.WriteLine();
        }
    }

    private Paragraph Row(int rank, RankTrace trace, double start)
    {
        var row = new Paragraph(gantt.Title(rank));
        TimedAction[] actions = [.. trace.Actions.Select(timed => new TimedAction(timed.Action, timed.Start - start, timed.End - start))];
        foreach (var piece in gantt.Row(actions, trace.Optimizer is { } optimizer ? (optimizer.Start - start, optimizer.End - start) : null))
        {
            row.Append(piece.Text, piece.IsIdle ? Style.Plain : StyleOf(ActionPaint.Of(piece.Kind)));
        }

        return row;
    }

    private static Style StyleOf(ActionPaint paint) =>
        new(paint.Dark ? Color.White : Color.Black, new Color(paint.Red, paint.Green, paint.Blue));
}
