namespace Pipeline.Core.Schedules;

/// <summary>Searches schedules with two chunks in V placement: ZB-V's order with some lead, and building blocks; weight gradients go where the real
/// durations leave room.</summary>
/// <param name="memoryLimit">At least 1.</param>
internal sealed class VSearch(int ranks, int microBatches, Func<Schedule, ActionTimes> times, double memoryLimit)
{
    private const int LongestLead = 4;
    private const int LongestStep = 5;
    private const int LongestTurn = 6;
    private const int MostBlocks = 400;
    private const int MostActions = 4_000_000;

    private static readonly double[] Thresholds = [0, 0.35, 0.5, 1];

    /// <summary>In mean forwards of a chunk: about one, since whatever is taken instead takes one.</summary>
    private static readonly double[] Patience = [1, 1.3];

    /// <summary>The best of each kind, so that what improves them starts from different ones.</summary>
    public IEnumerable<Simulation> Find()
    {
        Schedule[] leads = [.. Enumerable.Range(0, LongestLead + 1).Select(lead => ZeroBubbleV.Orders(ranks, microBatches, lead))];
        return leads.Select(orders => Best(Patience.SelectMany(patience => Fill(orders, patience))))
            .Append(Best(leads.SelectMany(orders => Fill(orders, double.PositiveInfinity))))
            .Append(Best(Blocks()))
            .OfType<Simulation>();
    }

    private static Simulation? Best(IEnumerable<Simulation> simulations) => simulations.MinBy(AutomaticSchedule.CostOf);

    private IEnumerable<Simulation> Blocks()
    {
        var affordable = Math.Clamp(MostActions / (6 * ranks * microBatches), 1, MostBlocks);
        return BuildingBlock.All(ranks, LongestStep, LongestTurn)
            .Where(block => block.Peak(ranks) <= ListScheduling.Capacity(memoryLimit, 2))
            .OrderBy(block => block.Length(ranks))
            .Take(affordable)
            .SelectMany(block => Fill(block.Orders(ranks, microBatches), double.PositiveInfinity));
    }

    private IEnumerable<Simulation> Fill(Schedule orders, double patience)
    {
        var durations = times(orders);
        return Thresholds
            .Select(threshold => ListScheduling.Run(orders, durations, memoryLimit, threshold, patience * durations.Forward.Average()))
            .OfType<Simulation>();
    }
}
