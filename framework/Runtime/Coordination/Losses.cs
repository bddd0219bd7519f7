namespace Pipeline.Runtime.Coordination;

/// <summary>What a run has lost so far, and whether it still gets anywhere.</summary>
internal sealed class Losses
{
    /// <summary>So many without a new step committed between them end the run.</summary>
    private const int MostInARow = 5;

    private readonly Dictionary<(int Worker, long Step), int> failures = [];
    private long lostAt = -1;   // the newest step when the last one came
    private int inARow;

    /// <summary>The newest step that was ever begun.</summary>
    public long Reached { get; private set; }

    public void Reach(long step) => Reached = Math.Max(Reached, step);

    /// <summary>A stage has failed.</summary>
    /// <returns>How often it has at this step.</returns>
    public int Fail(int worker, long step) => failures[(worker, step)] = failures.GetValueOrDefault((worker, step)) + 1;

    /// <summary>Something was lost.</summary>
    /// <param name="step">That was under way.</param>
    /// <returns>Why the run ends, without an end to the sentence; null while it is worth going on.</returns>
    public string? Count(long step)
    {
        inARow = step <= lostAt ? inARow + 1 : 0;
        lostAt = Math.Max(lostAt, step);
        return inARow == MostInARow ? $"The run has come to step {lostAt} {MostInARow + 1} times and no further" : null;
    }
}
