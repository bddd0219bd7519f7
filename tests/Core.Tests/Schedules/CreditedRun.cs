using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>Runs a schedule as the stages do: an action starts when its input has come and there is a credit for its output; its start
/// gives the input's credit back, its end hands the output over. Who acts next is the test's choice.</summary>
internal sealed class CreditedRun
{
    private readonly Schedule schedule;
    private readonly int[] next;
    private readonly bool[] running;
    private readonly HashSet<PipelineAction> arrived = [];
    private readonly Dictionary<(int Stage, ActionKind Kind), int> inFlight = [];

    public CreditedRun(Schedule schedule)
    {
        this.schedule = schedule;
        next = new int[schedule.Stages];
        running = new bool[schedule.Stages];
        for (var stage = 0; stage < schedule.Stages; stage++)
        {
            foreach (var kind in Enum.GetValues<ActionKind>().Where(kind => Receiver(stage, kind) is not null))
            {
                CreditsOf[(stage, kind)] = Credits.Of(schedule, stage, kind);
                inFlight[(stage, kind)] = 0;
                MostInFlight[(stage, kind)] = 0;
            }
        }
    }

    /// <summary>By edge, which is the stage that sends and what it sends the results of.</summary>
    public Dictionary<(int Stage, ActionKind Kind), int> CreditsOf { get; } = [];

    public Dictionary<(int Stage, ActionKind Kind), int> MostInFlight { get; } = [];

    public bool Ended => Enumerable.Range(0, schedule.Stages).All(rank => next[rank] == schedule.Ranks[rank].Count);

    /// <summary>Ranks that can start or end an action now.</summary>
    public int[] Ready => [.. Enumerable.Range(0, schedule.Stages).Where(rank => running[rank] || (HasInput(rank) && HasCredit(rank)))];

    /// <summary>Ranks that could start an action but for a credit.</summary>
    public int[] Blocked => [.. Enumerable.Range(0, schedule.Stages).Where(rank => !running[rank] && HasInput(rank) && !HasCredit(rank))];

    public void Act(int rank)
    {
        var action = schedule.Ranks[rank][next[rank]];
        if (!running[rank])
        {
            running[rank] = true;
            if (Sender(action) is { } sender)
            {
                inFlight[(sender, action.Kind)]--;
            }

            return;
        }

        running[rank] = false;
        next[rank]++;
        if (Receiver(rank, action.Kind) is { } receiver)
        {
            arrived.Add(action with { Stage = receiver });
            var edge = (rank, action.Kind);
            MostInFlight[edge] = Math.Max(MostInFlight[edge], ++inFlight[edge]);
        }
    }

    /// <summary>Acts until nobody can.</summary>
    /// <param name="choose">Picks one of the ranks that are ready.</param>
    public void ToTheEnd(Func<int[], int> choose)
    {
        for (var ready = Ready; ready.Length > 0; ready = Ready)
        {
            Assert.Empty(Blocked);
            Act(choose(ready));
        }

        Assert.True(Ended, "The ranks wait for each other.");
    }

    private bool HasInput(int rank) =>
        next[rank] < schedule.Ranks[rank].Count
        && schedule.Ranks[rank][next[rank]] is var action && (Sender(action) is null || arrived.Contains(action));

    private bool HasCredit(int rank)
    {
        var edge = (rank, schedule.Ranks[rank][next[rank]].Kind);
        return !CreditsOf.TryGetValue(edge, out var credits) || inFlight[edge] < credits;
    }

    private int? Receiver(int stage, ActionKind kind) => InPipeline(kind == ActionKind.Forward ? stage + 1 : stage - 1);

    private int? Sender(PipelineAction action) => InPipeline(action.Kind == ActionKind.Forward ? action.Stage - 1 : action.Stage + 1);

    private int? InPipeline(int stage) => stage >= 0 && stage < schedule.Stages ? stage : null;
}
