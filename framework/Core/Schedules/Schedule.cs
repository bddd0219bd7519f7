namespace Pipeline.Core.Schedules;

/// <summary>A pipeline schedule as data: for each rank, the actions in the order in which it runs them.
/// The same lists are printed, validated and run.</summary>
public sealed class Schedule
{
    public Schedule(string name, int microBatches, IReadOnlyList<IReadOnlyList<PipelineAction>> ranks)
    {
        Name = name;
        MicroBatches = microBatches;
        Ranks = ranks;
        Stages = ranks.Count;
    }

    public string Name { get; }

    public int Stages { get; }

    public int MicroBatches { get; }

    public IReadOnlyList<IReadOnlyList<PipelineAction>> Ranks { get; }

    /// <summary>One row a rank, actions separated by commas: the text form of torch.distributed.pipelining.</summary>
    public string ToCsv() => string.Join('\n', Ranks.Select(actions => string.Join(',', actions))) + "\n";
}
