using Generator = System.Func<int, int, System.Collections.Generic.IEnumerable<System.Collections.Generic.IEnumerable<Pipeline.Core.Schedules.PipelineAction>>>;

namespace Pipeline.Core.Schedules;

/// <summary>The schedules by the names used everywhere. A new one is one generator file and one line here.</summary>
public static class ScheduleCatalog
{
    private static readonly Dictionary<string, Generator> Generators = new(StringComparer.Ordinal)
    {
        ["gpipe"] = GPipe.Generate,
        ["1f1b"] = OneForwardOneBackward.Generate,
    };

    public static IReadOnlyList<string> Names { get; } = [.. Generators.Keys];

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="ranks">At least 1.</param>
    /// <param name="chunks">Stages a rank holds, at least 1.</param>
    /// <param name="microBatches">Micro-batches of a step, at least 1.</param>
    public static Schedule Create(string name, int ranks, int chunks, int microBatches)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, 1);
        var schedule = new Schedule(name, microBatches, [.. Generators[name](ranks, microBatches).Select(row => row.ToArray())]);
        ScheduleValidator.Validate(schedule);
        return schedule;
    }
}
