namespace Pipeline.Core.Schedules;

/// <summary>A pipeline schedule as data: for each rank (a device with its actor), the actions in the order in which it runs them. A rank
/// holds one or more stages (its chunks of the model). The same lists are printed, validated, simulated and run.</summary>
public sealed class Schedule
{
    private readonly Dictionary<int, int> rankOf = [];

    public Schedule(string name, int microBatches, IReadOnlyList<IReadOnlyList<PipelineAction>> ranks)
    {
        Name = name;
        MicroBatches = microBatches;
        Ranks = ranks;
        for (var rank = 0; rank < ranks.Count; rank++)
        {
            foreach (var action in ranks[rank])
            {
                rankOf.TryAdd(action.Stage, rank);
            }
        }

        StagesOf = [.. Enumerable.Range(0, ranks.Count).Select(rank =>
            rankOf.Where(entry => entry.Value == rank).Select(entry => entry.Key).Order().ToArray())];
    }

    public string Name { get; }

    public int MicroBatches { get; }

    public IReadOnlyList<IReadOnlyList<PipelineAction>> Ranks { get; }

    /// <summary>Stages of the whole pipeline, over all ranks.</summary>
    public int Stages => rankOf.Count;

    /// <summary>For each rank its stages, ascending.</summary>
    public IReadOnlyList<IReadOnlyList<int>> StagesOf { get; }

    /// <summary>Every stage runs its backwards, input gradients (which add to small weights) and weight gradients, in ascending order of
    /// micro-batches, so that the result is the same to the last bit as that of any other such schedule. Where it is false (looped-bfs
    /// runs its backwards in descending order) the result is exact only against one stage that runs in the same order: the sums of
    /// floating-point numbers depend on theirs.</summary>
    public bool AccumulatesAscending => Ranks.All(row =>
        IsAscending(row.Where(action => action.GivesInputGradient)) && IsAscending(row.Where(action => action.GivesWeightGradient)));

    /// <summary>The rank that holds a stage.</summary>
    public int RankOf(int stage) => rankOf[stage];

    /// <summary>One row a rank, actions separated by commas: the text form of torch.distributed.pipelining.</summary>
    public string ToCsv() => string.Join('\n', Ranks.Select(actions => string.Join(',', actions))) + "\n";

    private static bool IsAscending(IEnumerable<PipelineAction> actions) => actions
        .GroupBy(action => action.Stage, action => action.MicroBatch)
        .All(order => order.Zip(order.Skip(1)).All(pair => pair.First < pair.Second));
}
