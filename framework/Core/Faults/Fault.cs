using Pipeline.Core.Jobs;

namespace Pipeline.Core.Faults;

/// <summary>One thing that is made to go wrong in a run, at one place, once: for tests, and for users' own drills.</summary>
/// <param name="Stage">The row of the schedule.</param>
/// <param name="Step">From 1.</param>
/// <param name="MicroBatch">Of the replica, in a forward or backward; null: that of the first action.</param>
/// <param name="Duration">How long a process is frozen; null for other kinds.</param>
/// <param name="Factor">How many times as long the actions of a slow step take; null for other kinds.</param>
/// <param name="Twice">A damaged frame is damaged once more when it is sent again.</param>
public sealed record Fault(
    FaultKind Kind,
    int Stage,
    long Step,
    FaultPhase Phase,
    int Replica = 0,
    int? MicroBatch = null,
    TimeSpan? Duration = null,
    double? Factor = null,
    bool Twice = false)
{
    /// <param name="text">Such as <c>kill stage=2 step=17 phase=backward</c>: a kind, then KEY=VALUE, in any order.</param>
    /// <exception cref="BadInputException">It is none; the sentence says what is allowed.</exception>
    public static Fault Parse(string text) => FaultText.Parse(text);

    /// <summary>What is wrong with the fault in a job, to stand after the specification; null where nothing is.</summary>
    public string? Problem(JobFile job) => Problems(job).FirstOrDefault() is { } problem ? FormattableString.Invariant(problem) : null;

    /// <summary>In the form that <see cref="Parse"/> reads.</summary>
    public override string ToString() => FaultText.Of(this);

    private IEnumerable<FormattableString> Problems(JobFile job)
    {
        if (Stage >= job.Parallel.Stages)
        {
            yield return $"stage must be below parallel.stages, which is {job.Parallel.Stages}, not {Stage}";
        }

        if (Replica >= job.Parallel.Replicas)
        {
            yield return $"replica must be below parallel.replicas, which is {job.Parallel.Replicas}, not {Replica}";
        }

        if (Step > job.Job.Steps)
        {
            yield return $"step must be at most job.steps, which is {job.Job.Steps}, not {Step}";
        }

        if (MicroBatch >= job.MicroBatchesPerReplica)
        {
            yield return $"micro-batch must be below the number of micro-batches of a replica, which is {job.MicroBatchesPerReplica}, not {MicroBatch}";
        }

        if (Phase == FaultPhase.Checkpoint && !(Step == job.Job.Steps || (job.Checkpoint.Every > 0 && Step % job.Checkpoint.Every == 0)))
        {
            yield return $"there is no checkpoint of step {Step}; there is one every checkpoint.every = {job.Checkpoint.Every} steps (0: none) and one of the last step, {job.Job.Steps}";
        }

        if (Kind == FaultKind.Nan && job.Parallel.Stages == 1)
        {
            yield return $"nan goes into what stages hand each other, so parallel.stages must be at least 2";
        }

        if (Kind == FaultKind.Freeze && OperatingSystem.IsWindows())
        {
            yield return $"freeze needs a system that can stop a process and have it go on, which Windows cannot";
        }
    }
}
