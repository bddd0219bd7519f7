using System.Globalization;
using System.Text;

namespace Pipeline.Core.Schedules;

/// <summary>A simulated step as text: a time axis and one row a rank. An action is its letter, its micro-batch where that fits, and dashes to
/// its end; every other chunk of a rank is in lower case; <c>=</c> is the optimizer step; idle is blank.</summary>
public static class Gantt
{
    private const int BetweenTicks = 10;   // columns at least, so that numbers do not touch

    private static readonly double[] RoundFactors = [1, 2, 5, 10];

    /// <summary>Columns in which each action has room for its letter and its micro-batch, with one to spare.</summary>
    public static int NaturalWidth(Simulation simulation)
    {
        var actions = simulation.Ranks.SelectMany(row => row).Where(timed => timed.End > timed.Start).ToArray();
        var shortest = actions.Length > 0 ? actions.Min(timed => timed.End - timed.Start) : 1;
        var widest = Label(simulation.Schedule.MicroBatches - 1).Length + 2;
        return (int)Math.Min(1_000_000, Math.Round(simulation.Makespan / shortest * widest));
    }

    /// <param name="width">Columns from the start of the step to its end; what stands before the rows comes on top.</param>
    public static string Draw(Simulation simulation, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var scale = simulation.Makespan > 0 ? width / simulation.Makespan : 0;
        var margin = $"rank {Label(simulation.Ranks.Count - 1)} ".Length;
        var lines = new List<string> { new string(' ', margin) + Axis(simulation.Makespan, width) };
        for (var rank = 0; rank < simulation.Ranks.Count; rank++)
        {
            lines.Add($"rank {Label(rank)}".PadRight(margin) + Row(simulation, rank, scale, width));
        }

        return string.Join('\n', lines.Select(line => line.TrimEnd())) + "\n";
    }

    private static string Axis(double makespan, int width)
    {
        var step = RoundUp(makespan * BetweenTicks / width);
        var axis = new StringBuilder();
        for (var tick = 0; step > 0 && tick * step <= makespan; tick++)
        {
            var column = (int)Math.Round(tick * step / makespan * width);
            axis.Append(' ', Math.Max(0, column - axis.Length)).Append(CultureInfo.InvariantCulture, $"|{tick * step:0.######}");
        }

        return axis.ToString();
    }

    /// <summary>The next of 1, 2, 5, 10, 20, 50, ... and their tenths: what people count in.</summary>
    private static double RoundUp(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return RoundFactors.Select(factor => factor * power).FirstOrDefault(candidate => candidate >= step * (1 - 1e-9));
    }

    private static string Row(Simulation simulation, int rank, double scale, int width)
    {
        var cells = new char[width];
        Array.Fill(cells, ' ');
        foreach (var (action, start, end) in simulation.Ranks[rank])
        {
            var chunk = simulation.Schedule.StagesOf[rank].Index().First(item => item.Item == action.Stage).Index;
            var letter = PipelineAction.Letters[(int)action.Kind];
            Fill(start, end, $"{(chunk % 2 == 0 ? letter : char.ToLowerInvariant(letter))}", Label(action.MicroBatch));
        }

        if (simulation.OptimizerEnds is { } ends)
        {
            Fill(simulation.ActionsEnd, ends[rank], "=", "");
        }

        return new(cells);

        void Fill(double start, double end, string letter, string label)
        {
            var (from, to) = ((int)Math.Round(start * scale), (int)Math.Round(end * scale));
            var text = letter.Length + label.Length <= to - from ? letter + label : letter;
            for (var column = from; column < Math.Min(to, width); column++)
            {
                cells[column] = column - from < text.Length ? text[column - from] : letter == "=" ? '=' : '-';
            }
        }
    }

    private static string Label(int number) => number.ToString(CultureInfo.InvariantCulture);
}
