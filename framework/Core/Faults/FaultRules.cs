namespace Pipeline.Core.Faults;

/// <summary>What may be said of a fault of each kind.</summary>
/// <param name="Word">As a specification names the kind.</param>
/// <param name="Phases">At which it can happen; the first where none is given.</param>
/// <param name="Keys">Beside those that all have.</param>
internal sealed record FaultRules(string Word, IReadOnlyList<FaultPhase> Phases, IReadOnlyList<string> Keys)
{
    public const string Stage = "stage";
    public const string Step = "step";
    public const string Replica = "replica";
    public const string Phase = "phase";
    public const string MicroBatch = "micro-batch";
    public const string For = "for";
    public const string By = "by";
    public const string Twice = "twice";

    private static readonly FaultPhase[] Everywhere = Enum.GetValues<FaultPhase>();
    private static readonly FaultPhase[] Actions = [FaultPhase.Forward, FaultPhase.Backward];
    private static readonly FaultPhase[] BetweenSteps = [.. Actions, FaultPhase.Ready, FaultPhase.Commit];

    public static IReadOnlyDictionary<FaultKind, FaultRules> Of { get; } = new Dictionary<FaultKind, FaultRules>
    {
        [FaultKind.Kill] = new("kill", Everywhere, [Phase, MicroBatch]),
        [FaultKind.Freeze] = new("freeze", Everywhere, [Phase, MicroBatch, For]),
        [FaultKind.Drop] = new("drop", BetweenSteps, [Phase, MicroBatch]),
        [FaultKind.Corrupt] = new("corrupt", BetweenSteps, [Phase, MicroBatch, Twice]),
        [FaultKind.Slow] = new("slow", [FaultPhase.Forward], [By]),   // all actions of the step, whatever they are
        [FaultKind.FillDisk] = new("fill-disk", [FaultPhase.Checkpoint], [Phase]),
        [FaultKind.Nan] = new("nan", Actions, [Phase, MicroBatch]),
        [FaultKind.Fail] = new("fail", BetweenSteps, [Phase, MicroBatch]),
    };

    public IReadOnlyList<string> AllKeys => [Stage, Step, Replica, .. Keys];

    public static string WordOf(FaultPhase phase) => phase.ToString().ToLowerInvariant();
}
