namespace Pipeline.Chaos.Runs;

/// <summary>What came of a run.</summary>
/// <param name="Problems">A line each; none where the run is as if nothing had happened.</param>
/// <param name="Tail">The last of its records.</param>
internal sealed record ChaosResult(DrawnRun Run, double Seconds, IReadOnlyList<FaultOutcome> Faults, IReadOnlyList<string> Problems, IReadOnlyList<string> Tail)
{
    public bool IsGood => Problems.Count == 0;
}

/// <param name="Fired">It happened: a fault that is armed in a process may be lost with it.</param>
/// <param name="RecoverySeconds">From then to the first step that had not been committed before; null where the run was not thrown back.</param>
internal sealed record FaultOutcome(DrawnFault Fault, bool Fired, double? RecoverySeconds);
