using System.Globalization;
using System.Text;

namespace Pipeline.Core.Schedules;

/// <summary>A piece of a chart's row.</summary>
/// <param name="Kind">Null for the optimizer, and where the rank is idle.</param>
public readonly record struct GanttPiece(string Text, ActionKind? Kind)
{
    public bool IsIdle => string.IsNullOrWhiteSpace(Text);
}

/// <summary>A step as text, simulated or measured: a time axis and one row a rank. An action is its letter, its micro-batch where that fits,
/// and dashes to its end; every other chunk of a rank is in lower case; <c>=</c> is the optimizer step; idle is blank.</summary>
/// <param name="length">Of the whole axis, in the unit of the times.</param>
/// <param name="width">Columns of the axis; what stands before the rows comes on top.</param>
/// <param name="unit">What the axis counts, in the unit of the times.</param>
public sealed class Gantt(Schedule schedule, double length, int width, double unit = 1)
{
    private const int BetweenTicks = 10;   // columns at least, so that numbers do not touch

    private static readonly double[] RoundFactors = [1, 2, 5, 10];

    /// <summary>Columns before a row: room for <c>stage 12 </c> and the like.</summary>
    public int Margin { get; } = $"stage {Label(schedule.Ranks.Count - 1)} ".Length;

    /// <summary>Columns in which each action has room for its letter and its micro-batch, with one to spare.</summary>
    public static int NaturalWidth(Simulation simulation)
    {
        var actions = simulation.Ranks.SelectMany(row => row).Where(timed => timed.End > timed.Start).ToArray();
        var shortest = actions.Length > 0 ? actions.Min(timed => timed.End - timed.Start) : 1;
        var widest = Label(simulation.Schedule.MicroBatches - 1).Length + 2;
        return (int)Math.Min(1_000_000, Math.Round(simulation.Makespan / shortest * widest));
    }

    public static string Draw(Simulation simulation, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var gantt = new Gantt(simulation.Schedule, simulation.Makespan, width);
        var rows = simulation.Ranks.Select((actions, rank) => gantt.Title(rank) + string.Concat(gantt.Row(
            actions, simulation.OptimizerEnds is { } ends ? (simulation.ActionsEnd, ends[rank]) : null).Select(piece => piece.Text)));
        return string.Join('\n', rows.Prepend(gantt.Axis("")).Select(line => line.TrimEnd())) + "\n";
    }

    /// <summary>What stands before a row.</summary>
    public string Title(int rank) => $"stage {Label(rank)}".PadRight(Margin);

    /// <param name="title">What stands before the axis.</param>
    public string Axis(string title)
    {
        var axis = new StringBuilder(title.PadRight(Margin));
        var step = RoundUp(length / unit * BetweenTicks / width);
        for (var tick = 0; step > 0 && tick * step <= length / unit; tick++)
        {
            axis.Append(' ', Math.Max(0, Margin + Column(tick * step * unit) - axis.Length)).Append(CultureInfo.InvariantCulture, $"|{tick * step:0.######}");
        }

        return axis.ToString();
    }

    /// <param name="actions">Of a rank, in order.</param>
    /// <param name="optimizer">Null where there is no such step.</param>
    public IEnumerable<GanttPiece> Row(IReadOnlyList<TimedAction> actions, (double Start, double End)? optimizer)
    {
        var column = 0;
        var chunks = actions.Select(timed => timed.Action.Stage).Distinct().Order().ToList();
        foreach (var (action, start, end) in actions)
        {
            var letter = PipelineAction.Letters[(int)action.Kind];
            var isOdd = chunks.IndexOf(action.Stage) % 2 == 1;
            foreach (var piece in Piece(start, end, $"{(isOdd ? char.ToLowerInvariant(letter) : letter)}", Label(action.MicroBatch), action.Kind))
            {
                yield return piece;
            }
        }

        foreach (var piece in optimizer is var (from, to) ? Piece(from, to, "=", "", null) : [])
        {
            yield return piece;
        }

        IEnumerable<GanttPiece> Piece(double start, double end, string letter, string label, ActionKind? kind)
        {
            var (from, to) = (Math.Max(column, Column(start)), Math.Max(column, Column(end)));
            if (from > column)
            {
                yield return new(new string(' ', from - column), null);
            }

            if (to > from)
            {
                var text = letter.Length + label.Length <= to - from ? letter + label : letter;
                yield return new(text.PadRight(to - from, kind is null ? '=' : '-'), kind);
            }

            column = to;
        }
    }

    private int Column(double time) => length > 0 ? Math.Clamp((int)Math.Round(time / length * width), 0, width) : 0;

    /// <summary>The next of 1, 2, 5, 10, 20, 50, ... and their tenths: what people count in.</summary>
    private static double RoundUp(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return RoundFactors.Select(factor => factor * power).FirstOrDefault(candidate => candidate >= step * (1 - 1e-9));
    }

    private static string Label(int number) => number.ToString(CultureInfo.InvariantCulture);
}
