using System.Collections.Concurrent;

namespace Pipeline.Core.Schedules;

/// <summary>V-Half and V-Min (Qi et al. 2024, arXiv:2405.15362): two chunks in V placement with less memory than 1F1B's p, the same on every
/// rank, for some of its bubble. The block comes from a search, not from the paper's tables, so that its memory is met for every
/// number of ranks.</summary>
/// <remarks>In unit times V-Min's bubble is at most two thirds of 1F1B's 3(p - 1) for any number of micro-batches, and V-Half's at most half
/// of it from 2p micro-batches on. (One alone cannot do better than about two thirds.)</remarks>
internal static class ControllableMemory
{
    private const int LongestStep = 3;
    private const int LongestTurn = 6;
    private const int MostBlocks = 64;
    private const int MostActions = 500_000;

    /// <summary>Blocks are searched once.</summary>
    private static readonly ConcurrentDictionary<(int Ranks, int MicroBatches, int Memory), BuildingBlock> Found = new();

    /// <summary>V-Half: at most p/2 + 1 micro-batches alive on a rank.</summary>
    public static IEnumerable<IEnumerable<PipelineAction>> Half(int ranks, int chunks, int microBatches) =>
        Generate(ranks, microBatches, memory: (ranks / 2) + 1);

    /// <summary>V-Min: at most (p + 1)/3 + 1 micro-batches alive on a rank.</summary>
    public static IEnumerable<IEnumerable<PipelineAction>> Minimum(int ranks, int chunks, int microBatches) =>
        Generate(ranks, microBatches, memory: ((ranks + 1) / 3) + 1);

    private static IReadOnlyList<IEnumerable<PipelineAction>> Generate(int ranks, int microBatches, int memory)
    {
        // Twice as many micro-batches as ranks show the steady state.
        var enough = Math.Min(microBatches, 2 * ranks);
        var block = Found.GetOrAdd((ranks, enough, memory), key => Search(key.Ranks, key.MicroBatches, key.Memory));
        return Fill(block, ranks, microBatches, memory).Schedule.Ranks;
    }

    private static BuildingBlock Search(int ranks, int microBatches, int memory) =>
        BuildingBlock.All(ranks, LongestStep, LongestTurn)
            .Where(block => block.Peak(ranks) <= 2 * memory)
            .OrderBy(block => block.Length(ranks))
            .Take(Math.Clamp(MostActions / (6 * ranks * microBatches), 1, MostBlocks))   // few where each is expensive
            .MinBy(block => Fill(block, ranks, microBatches, memory).LongestSpan);

    private static Simulation Fill(BuildingBlock block, int ranks, int microBatches, int memory)
    {
        var orders = block.Orders(ranks, microBatches);
        return ListScheduling.Run(orders, ActionTimes.PerRank(orders, 1, 1, 1), memory, threshold: 0)!;
    }
}
