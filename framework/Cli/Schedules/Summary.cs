using System.Globalization;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary>A simulated step in a few lines.</summary>
internal static class Summary
{
    public const string UnitTimes = "every action takes 1, a whole backward 2";

    public static string Of(Simulation simulation, Func<double, string> time, string durations)
    {
        var schedule = simulation.Schedule;
        var chunks = schedule.StagesOf.Max(held => held.Count);
        var rates = string.Join(' ', simulation.BubbleRates.Select(Quantity.Percent));
        return string.Create(CultureInfo.InvariantCulture, $"""
            {schedule.Name}: {Count(schedule.Ranks.Count, "stage")} of {Count(chunks, "chunk")}, {Count(schedule.MicroBatches, "micro-batch")}; {durations}
              makespan          {time(simulation.Makespan)}
              longest span      {time(simulation.LongestSpan)}
              bubble            {Quantity.Percent(simulation.BubbleRate)}   by stage {rates}
              peak activations  {string.Join(' ', simulation.PeakActivations.Select(Plain))}   micro-batches, by stage
            {(schedule.AccumulatesAscending ? "" : "  Gradients add up in an order of its own: exact only against one stage run in that order.\n")}
            """).Replace("\r", "", StringComparison.Ordinal);
    }

    /// <summary>In the user's own unit.</summary>
    public static string Plain(double time) => time.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Count(int count, string what) =>
        count == 1 ? $"1 {what}"
            : string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(what.EndsWith("ch", StringComparison.Ordinal) ? "es" : "s")}");
}
