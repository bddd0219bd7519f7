namespace Pipeline.Chaos.Runs;

/// <summary>Something that is to go wrong in a run.</summary>
/// <param name="Kind">As the table of the report has it.</param>
/// <param name="Phase">Of the step; empty where it is none.</param>
/// <param name="Step">At which it happens, or behind which it does where it comes from outside.</param>
/// <param name="Text">As <c>--inject</c> takes it; of a signal in words.</param>
/// <param name="Signal">That a process gets from outside; null where <c>--inject</c> makes the fault.</param>
internal sealed record DrawnFault(string Kind, string Phase, long Step, string Text, OutsideSignal? Signal = null)
{
    /// <summary>The run ends what it is at and begins another epoch.</summary>
    public bool Breaks => Kind is "kill" or "drop" or "corrupt twice" or "fail" || Signal?.Name is "KILL";

    /// <summary>The step that it hits is skipped: this is in the result.</summary>
    public bool ChangesResult => Kind == "nan";
}

/// <param name="Name">As <c>kill</c> takes it.</param>
/// <param name="Process">Which of the node processes that are there then, in the order of their names.</param>
/// <param name="Wakes">When a stopped process goes on.</param>
internal sealed record OutsideSignal(string Name, int Process, TimeSpan? Wakes = null);
