using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>Runs a schedule as the ranks do: an action starts when its input has come and there is a credit for its output; its start
/// gives the input's credit back, its end hands the output over. Who acts next is the test's choice.</summary>
internal sealed class CreditedRun(Schedule schedule)
{
    private readonly int[] next = new int[schedule.Ranks.Count];
    private readonly bool[] running = new bool[schedule.Ranks.Count];
    private readonly HashSet<HandOver> arrived = [];
    private readonly Dictionary<(HandOverKind Kind, int Stage), int> inFlight = Credits.Of(schedule).ToDictionary(edge => edge.Key, _ => 0);

    /// <summary>By edge between two ranks, which is what it carries and the stage that receives it.</summary>
    public IReadOnlyDictionary<(HandOverKind Kind, int Stage), int> CreditsOf { get; } = Credits.Of(schedule);

    public Dictionary<(HandOverKind Kind, int Stage), int> MostInFlight { get; } = Credits.Of(schedule).ToDictionary(edge => edge.Key, _ => 0);

    public bool Ended => Enumerable.Range(0, next.Length).All(rank => next[rank] == schedule.Ranks[rank].Count);

    /// <summary>Ranks that can start or end an action now.</summary>
    public int[] Ready => [.. Enumerable.Range(0, next.Length).Where(rank => running[rank] || (HasInput(rank) && HasCredit(rank)))];

    /// <summary>Ranks that could start an action but for a credit.</summary>
    public int[] Blocked => [.. Enumerable.Range(0, next.Length).Where(rank => !running[rank] && HasInput(rank) && !HasCredit(rank))];

    public void Act(int rank)
    {
        var action = schedule.Ranks[rank][next[rank]];
        if (!running[rank])
        {
            running[rank] = true;
            if (action.Needs(schedule.Stages) is { } needed && inFlight.ContainsKey((needed.Kind, needed.Stage)))
            {
                inFlight[(needed.Kind, needed.Stage)]--;
            }

            return;
        }

        running[rank] = false;
        next[rank]++;
        if (action.Gives(schedule.Stages) is { } given)
        {
            arrived.Add(given);
            var edge = (given.Kind, given.Stage);
            if (inFlight.ContainsKey(edge))
            {
                MostInFlight[edge] = Math.Max(MostInFlight[edge], ++inFlight[edge]);
            }
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
        && (schedule.Ranks[rank][next[rank]].Needs(schedule.Stages) is not { } needed || arrived.Contains(needed));

    private bool HasCredit(int rank) =>
        schedule.Ranks[rank][next[rank]].Gives(schedule.Stages) is not { } given
        || !CreditsOf.TryGetValue((given.Kind, given.Stage), out var credits)
        || inFlight[(given.Kind, given.Stage)] < credits;
}
