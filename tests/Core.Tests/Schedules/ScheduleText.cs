using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>A schedule from one row of text a rank, valid or not.</summary>
internal static class ScheduleText
{
    public static Schedule Parse(int microBatches, params IEnumerable<string> rows) => new(
        "planted",
        microBatches,
        [.. rows.Select(row => row.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(PipelineAction.Parse).ToArray())]);
}
