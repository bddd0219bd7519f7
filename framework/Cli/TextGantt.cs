using System.Globalization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;
using Spectre.Console;

namespace Pipeline.Cli;

/// <summary>A step as lines of text: an action is its letter, its micro-batch where that fits, and dashes to its end; every other chunk of a
/// rank is in lower case; <c>=</c> is the optimizer; idle is blank.</summary>
internal sealed class TextGantt(double seconds, int width)
{
    private const int Margin = 10;
    private const int MostTicks = 8;

    private readonly int columns = Math.Max(20, width - Margin - 1);

    /// <summary>The time axis in milliseconds, with what stands below it in front.</summary>
    public Text Axis(string title)
    {
        var line = title.PadRight(Margin);
        var tick = RoundUp(seconds * 1000 / MostTicks);
        for (var time = 0.0; time <= seconds * 1000 && tick > 0; time += tick)
        {
            var label = string.Create(CultureInfo.InvariantCulture, $"|{time:0.######}{(time == 0 ? " ms" : "")}");
            var column = Column(time / 1000);
            line = column + label.Length <= columns ? line.PadRight(Margin + column) + label : line;
        }

        return new Text(line);
    }

    public IEnumerable<Paragraph> Rows(Schedule schedule, StepTrace step) =>
        ChartBox.Of(schedule, step).GroupBy(box => box.Rank).Select(row => Row(row.Key, row));

    private Paragraph Row(int rank, IEnumerable<ChartBox> boxes)
    {
        var row = new Paragraph(string.Create(CultureInfo.InvariantCulture, $"stage {rank}").PadRight(Margin));
        var column = 0;
        foreach (var box in boxes)
        {
            var (from, to) = (Math.Max(column, Column(box.Start)), Math.Max(column, Column(box.End)));
            var paint = ActionPaint.Of(box.Kind);
            row.Append(new string(' ', from - column));
            row.Append(Label(box, paint, to - from), new Style(paint.Dark ? Color.White : Color.Black, new Color(paint.Red, paint.Green, paint.Blue)));
            column = to;
        }

        return row;
    }

    private static string Label(ChartBox box, ActionPaint paint, int room)
    {
        var letter = $"{(box.Chunk % 2 == 0 ? paint.Letter : char.ToLowerInvariant(paint.Letter))}";
        var text = letter.Length + box.MicroBatch.Length <= room ? letter + box.MicroBatch : letter[..Math.Min(1, room)];
        return text.PadRight(room, box.Kind is null ? '=' : '-');
    }

    private int Column(double time) => seconds > 0 ? Math.Clamp((int)Math.Round(time / seconds * columns), 0, columns) : 0;

    /// <summary>The next of 1, 2, 5, 10, 20, 50, ... and their tenths: what people count in.</summary>
    private static double RoundUp(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return step > 0 ? power * (step <= power ? 1 : step <= 2 * power ? 2 : step <= 5 * power ? 5 : 10) : 0;
    }
}
