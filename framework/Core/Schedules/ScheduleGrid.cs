using System.Globalization;

namespace Pipeline.Core.Schedules;

/// <summary>A schedule's rows as text with one cell marked; of a large one only the cells around it.</summary>
internal static class ScheduleGrid
{
    private const int MostRows = 16;
    private const int MostCells = 64;

    /// <param name="cell">A position in the rank's row; the row's length marks its end.</param>
    /// <param name="problem">Written behind the marked row.</param>
    public static string Mark(Schedule schedule, int rank, int cell, string problem)
    {
        var (top, bottom) = Window(rank, schedule.Ranks.Count, MostRows);
        var rows = Enumerable.Range(top, bottom - top)
            .Select(r => Row(schedule.Ranks[r], cell, r == rank) + (r == rank ? $"   <-- {problem}" : ""));
        IEnumerable<string> lines = [.. Left(top, "above"), .. rows, .. Left(schedule.Ranks.Count - bottom, "below")];
        return string.Join('\n', lines);
    }

    private static string Row(IReadOnlyList<PipelineAction> row, int marked, bool isMarked)
    {
        var (from, to) = Window(marked, row.Count, MostCells);
        var cells = Enumerable.Range(from, to - from).Select(c => isMarked && c == marked ? $"[{row[c]}]" : $"{row[c]}");
        var (before, after) = (from > 0 ? "... " : "", to < row.Count ? " ..." : "");
        var end = isMarked && marked == row.Count ? " [ ]" : "";
        return (before + string.Join(' ', cells) + after + end).TrimStart();
    }

    private static IEnumerable<string> Left(int rows, string where) =>
        rows > 0 ? [string.Create(CultureInfo.InvariantCulture, $"... {rows} more {where}")] : [];

    /// <summary>At most so many of a row of things, with the middle one about in the middle.</summary>
    private static (int From, int To) Window(int middle, int count, int most)
    {
        var from = Math.Clamp(middle - (most / 2), 0, Math.Max(0, count - most));
        return (from, Math.Min(count, from + most));
    }
}
