using System.Globalization;

namespace Pipeline.Core.Schedules;

/// <summary>The schedules by the names used everywhere. A new one is one generator file and one line here.</summary>
public static class ScheduleCatalog
{
    /// <summary>Bounds on what is generated, far above what is useful: a typing error shall not take the machine's memory.</summary>
    public const int MostStages = 1024;

    /// <inheritdoc cref="MostStages"/>
    public const int MostMicroBatches = 10_000;

    /// <inheritdoc cref="MostStages"/>
    public const int MostActions = 1_000_000;

    private static readonly Entry[] Entries =
    [
        new("gpipe", GPipe.Generate),
        new("1f1b", OneForwardOneBackward.Generate),
        new("interleaved-1f1b", InterleavedOneForwardOneBackward.Generate, Chunks: 2, AnyChunks: true),
        new("looped-bfs", LoopedBreadthFirst.Generate, Chunks: 2, AnyChunks: true),
        new("zb-h1", ZeroBubble.H1),
        new("zb-h2", ZeroBubble.H2),
        new("interleaved-zb", ZeroBubble.Interleaved, Chunks: 2, AnyChunks: true),
        new("zb-v", ZeroBubbleV.Generate, Chunks: 2),
        new("v-half", ControllableMemory.Half, Chunks: 2),
        new("v-min", ControllableMemory.Minimum, Chunks: 2),
        new("dualpipe-v", DualPipeV.Generate, Chunks: 2, MicroBatchesPerRank: 2),
    ];

    private delegate IEnumerable<IEnumerable<PipelineAction>> Generator(int ranks, int chunks, int microBatches);

    public static IReadOnlyList<string> Names { get; } = [.. Entries.Select(entry => entry.Name)];

    /// <summary>Chunks a rank has when nobody says.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    public static int DefaultChunks(string name) => Find(name).Chunks;

    /// <summary>Why there is no such schedule: a sentence without its full stop that says what is allowed. Null when there is one.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    public static string? Problem(string name, int ranks, int chunks, int microBatches)
    {
        var entry = Find(name);
        return entry switch
        {
            _ when ranks < 1 => Text($"{name} needs at least 1 stage, not {ranks}"),
            _ when microBatches < 1 => Text($"{name} needs at least 1 micro-batch, not {microBatches}"),
            { AnyChunks: true } when chunks < 1 => Text($"{name} needs at least 1 chunk a stage, not {chunks}"),
            { AnyChunks: false } when chunks != entry.Chunks =>
                Text($"{name} has {entry.Chunks} {(entry.Chunks == 1 ? "chunk" : "chunks")} a stage, not {chunks}"),
            _ when microBatches < entry.MicroBatchesPerRank * ranks =>
                Text($"{name} needs at least {entry.MicroBatchesPerRank * ranks} micro-batches for {ranks} stages, not {microBatches}"),
            _ => SizeProblem(name, ranks, chunks, microBatches),
        };
    }

    /// <summary>Why a schedule of this size is not made, whatever its kind; null when it is.</summary>
    internal static string? SizeProblem(string name, int ranks, int chunks, int microBatches)
    {
        var (stages, all) = ((long)ranks * chunks, (long)ranks * chunks * microBatches);
        return stages > MostStages ? Text($"{name} can have at most {MostStages} stages times chunks, not {stages}")
            : microBatches > MostMicroBatches ? Text($"{name} can have at most {MostMicroBatches} micro-batches, not {microBatches}")
            : 3 * all > MostActions ? Text($"{name} can have at most {MostActions / 3} stages times chunks times micro-batches, not {all}")
            : null;
    }

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="chunks">Stages a rank holds.</param>
    /// <exception cref="BadInputException">There is no such schedule; see <see cref="Problem"/>.</exception>
    public static Schedule Create(string name, int ranks, int chunks, int microBatches)
    {
        if (Problem(name, ranks, chunks, microBatches) is { } problem)
        {
            throw new BadInputException($"{problem}.");
        }

        var rows = Find(name).Generate(ranks, chunks, microBatches);
        var schedule = new Schedule(name, microBatches, [.. rows.Select(row => row.ToArray())]);
        ScheduleValidator.Validate(schedule);
        return schedule;
    }

    private static Entry Find(string name) => Entries.First(entry => entry.Name == name);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <param name="Chunks">Stages a rank holds when nobody says, and the only number allowed unless any is.</param>
    /// <param name="MicroBatchesPerRank">The fewest for which its pattern is defined.</param>
    private sealed record Entry(
        string Name, Generator Generate, int Chunks = 1, bool AnyChunks = false, int MicroBatchesPerRank = 0);
}
