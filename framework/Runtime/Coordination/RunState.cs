using Pipeline.Core.Optimization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Coordination;

/// <summary>What the coordinator knows of a run beyond the epoch.</summary>
internal sealed class RunState(RunPlan plan, RunRecorder recorder)
{
    private readonly SortedDictionary<long, LbfgsState?> optimizers = [];   // by step

    public RunPlan Plan => plan;

    public RunRecorder Recorder => recorder;

    public CheckpointStore Checkpoints { get; } = new(plan.Directory.Checkpoints, plan.Job.Checkpoint.Keep);

    public StepMeter Meter { get; } = new(plan);

    public SkippedSteps Skipped { get; } = new(plan.Job);

    /// <summary>The run is to end cleanly after the step under way.</summary>
    public bool IsStopping { get; set; }

    /// <summary>The folder of the newest whole checkpoint; null where there is none.</summary>
    public string? LastCheckpoint { get; private set; } = plan.Resumed?.Directory;

    /// <summary>Its step; -1 where there is none.</summary>
    public long LastSaved { get; private set; } = plan.Resumed?.Step ?? -1;

    /// <summary>As a sentence of an error ends.</summary>
    public string LastCheckpointSentence => LastCheckpoint is null ? "There is no checkpoint yet." : $"The last checkpoint is {LastCheckpoint}.";

    /// <summary>Why the last checkpoint that did not come about did not, in one sentence.</summary>
    public string SaveProblem { get; set; } = "";

    public void Saved(long step, string path)
    {
        if (step > LastSaved)
        {
            (LastSaved, LastCheckpoint) = (step, path);
        }
    }

    /// <summary>The run goes on from a checkpoint, or from its beginning: newer ones do not count, and come about again.</summary>
    /// <param name="newest">Null where the run begins again.</param>
    public void GoBack(Checkpoint? newest)
    {
        (LastSaved, LastCheckpoint) = newest is null ? (-1, null) : (newest.Manifest.Step, newest.Directory);
        if (newest is not null)
        {
            optimizers[newest.Manifest.Step] = newest.Manifest.Lbfgs;
        }
    }

    /// <summary>What the coordinator itself has to know of a step is known: of one before its own time it is only in the checkpoints.</summary>
    public bool Remembers(long step) => !plan.Job.Optimizer.IsLbfgs || step == 0 || optimizers.ContainsKey(step);

    /// <summary>What L-BFGS knows behind a step from which the run may have to go on.</summary>
    public void Remember(long step, Lbfgs? optimizer) => optimizers[step] = optimizer?.State;

    /// <summary>As L-BFGS was behind a step that was remembered, or is at the beginning; null with another optimizer.</summary>
    public Lbfgs? OptimizerAt(long step) => plan.Job.Optimizer.IsLbfgs
        ? new(plan.Job.Optimizer.History, plan.Job.Optimizer.LearningRate, optimizers.GetValueOrDefault(step))
        : null;

    /// <summary>The run will not go back before a step.</summary>
    public void ForgetBefore(long step)
    {
        foreach (var old in optimizers.Keys.Where(key => key < step && key != LastSaved).ToArray())
        {
            optimizers.Remove(old);
        }
    }
}
