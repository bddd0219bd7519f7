using System.Globalization;

namespace Pipeline.Core.Schedules;

/// <summary>The schedule with the least bubble that a search finds for real durations and a memory limit; no worse than the best of the named
/// ones within it. Deterministic, and bounded in effort. Weight gradients add up in ascending order.</summary>
public static class AutomaticSchedule
{
    public const string Name = "automatic";

    private const int Finalists = 4;
    private const double Negligible = 1e-9;

    /// <param name="chunks">Stages a rank holds; null: whatever is best.</param>
    /// <param name="times">The durations for a schedule, which says what stages there are and which rank holds them.</param>
    /// <param name="memoryLimit">The most activations alive on a rank, in units of one micro-batch on a rank; infinity for no limit.</param>
    /// <param name="fits">What else a schedule must fulfil, such as a limit in bytes; null: nothing.</param>
    /// <exception cref="BadInputException">It would be too large, or nothing fits the limits.</exception>
    public static Schedule Find(
        int ranks, int microBatches, int? chunks, Func<Schedule, ActionTimes> times, double memoryLimit, Func<Schedule, bool>? fits = null)
    {
        if (ScheduleCatalog.SizeProblem(Name, ranks, chunks ?? 2, microBatches) is { } problem)
        {
            throw new BadInputException($"{problem}.");
        }

        var named = Named(ranks, microBatches, chunks).Select(schedule => Simulator.Run(schedule, times(schedule))).ToArray();
        var candidates = named
            .Concat(Searched(ranks, microBatches, chunks, times, memoryLimit))
            .Where(candidate => candidate.PeakActivations.Max() <= memoryLimit + 1e-9)
            .OrderBy(CostOf)
            .Where(candidate => fits?.Invoke(candidate.Schedule) != false)
            .Take(Finalists)
            .ToArray();
        if (candidates.Length == 0 && named.Any(candidate => candidate.PeakActivations.Max() <= memoryLimit + 1e-9))
        {
            throw new BadInputException("No schedule was found that fits in the memory of the stages.");
        }

        if (candidates.Length == 0)
        {
            // A schedule with 1 or 2 chunks can run one micro-batch after the other.
            var least = chunks is null or 1 or 2 ? 1 : named.Min(simulation => simulation.PeakActivations.Max());
            throw new BadInputException(string.Create(
                CultureInfo.InvariantCulture,
                $"No schedule stays within a memory limit of {memoryLimit} micro-batches; the smallest that would do is {least:0.###}."));
        }

        var best = candidates[0];
        if (best.BubbleRate > Negligible)
        {
            best = candidates.Select(Improve).Prepend(best).MinBy(CostOf)!;
            best = Improve(best);
        }

        var found = new Schedule(Name, microBatches, best.Schedule.Ranks);
        ScheduleValidator.Validate(found);
        return found;

        Simulation Improve(Simulation simulation)
        {
            var improved = CriticalPathSearch.Improve(simulation, times(simulation.Schedule), memoryLimit);
            return CostOf(improved).CompareTo(CostOf(simulation)) < 0 && fits?.Invoke(improved.Schedule) != false ? improved : simulation;
        }
    }

    /// <summary>What is minimised: the bubble, then the time to the end of the step, then memory.</summary>
    internal static (double BubbleRate, double Makespan, double Memory) CostOf(Simulation simulation) =>
        (simulation.BubbleRate, simulation.Makespan, simulation.PeakActivations.Max());

    private static IEnumerable<Schedule> Named(int ranks, int microBatches, int? chunks) =>
        from name in ScheduleCatalog.Names
        let held = chunks ?? ScheduleCatalog.DefaultChunks(name)
        where ScheduleCatalog.Problem(name, ranks, held, microBatches) is null
        select Ascending(ScheduleCatalog.Create(name, ranks, held, microBatches));

    /// <summary>Looped breadth-first with its backwards renumbered takes the same time, and gives the bits that all others give.</summary>
    private static Schedule Ascending(Schedule schedule) => schedule.AccumulatesAscending ? schedule : new(
        schedule.Name,
        schedule.MicroBatches,
        [.. schedule.Ranks.Select(row => row.Select(action =>
            action.Kind == ActionKind.Forward ? action : action with { MicroBatch = schedule.MicroBatches - 1 - action.MicroBatch }).ToArray())]);

    private static IEnumerable<Simulation> Searched(
        int ranks, int microBatches, int? chunks, Func<Schedule, ActionTimes> times, double memoryLimit)
    {
        if (memoryLimit < 1)
        {
            return [];
        }

        var flat = chunks is null or 1
            ? [new WarmupSearch(ranks, microBatches, times(ScheduleCatalog.Create("1f1b", ranks, 1, microBatches)), memoryLimit).Find()]
            : Array.Empty<Simulation>();
        return chunks is null or 2 ? flat.Concat(new VSearch(ranks, microBatches, times, memoryLimit).Find()) : flat;
    }
}
