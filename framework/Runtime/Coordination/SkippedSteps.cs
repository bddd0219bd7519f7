using Pipeline.Core.Jobs;

namespace Pipeline.Runtime.Coordination;

/// <summary>Steps whose loss or gradient is not a finite number are skipped by all stages; so many of them in a row end the run.</summary>
internal sealed class SkippedSteps(JobFile job)
{
    private readonly HashSet<long> skipped = [];   // all of them: a run may go back and take steps again
    private long last;

    /// <summary>The step whose parameters the stages have; before the first, or where the run continues, the step that it began after.</summary>
    public long LastApplied
    {
        get
        {
            var step = last;
            while (skipped.Contains(step))
            {
                step--;
            }

            return step;
        }
    }

    /// <summary>The run gets no further.</summary>
    public bool AreTooMany => last - LastApplied >= job.Recovery.MostSkips;

    /// <summary>A step is committed, perhaps for the second time.</summary>
    public void Add(long step, bool isSkipped)
    {
        last = step;
        _ = isSkipped ? skipped.Add(step) : skipped.Remove(step);
    }

    /// <summary>Why the run ends, what may help, and where its state lies.</summary>
    public string Sentence(string? checkpoint)
    {
        var steps = last - LastApplied == 1 ? $"Step {last} had" : $"Steps {LastApplied + 1} to {last} all had";
        var precision = job.Precision.Compute == "bfloat16" ? ", or precision.compute = float32," : "";
        return $"{steps} a loss or gradient that is not a finite number; a lower optimizer.learning-rate or a longer optimizer.warmup-steps{precision} may help. "
            + (checkpoint is null ? "There is no checkpoint, for no step was applied." : $"The last checkpoint is {checkpoint}.");
    }
}
