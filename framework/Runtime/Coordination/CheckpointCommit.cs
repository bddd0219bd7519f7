using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Coordination;

/// <summary>The end of a checkpoint, beside the steps: its manifest is written and it becomes visible, or what is there of it is removed.</summary>
internal static class CheckpointCommit
{
    /// <param name="problem">Why a shard is missing, in one sentence; null when all are there.</param>
    public static Task<CheckpointWritten> WriteAsync(RunState run, long epoch, long step, IReadOnlyList<Shard> shards, string? problem)
    {
        var (directory, store, before) = (run.Plan.Directory, run.Checkpoints, run.LastCheckpoint);
        var manifest = run.Plan.Manifest(step, epoch, shards, run.OptimizerAt(step)?.State);
        return Task.Run(() =>
        {
            try
            {
                if (problem is null)
                {
                    directory.CheckOwner();
                    return new CheckpointWritten(epoch, step, store.Complete(manifest, before), null, store.Tidy());
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                problem = FailureSentence.Of(failure);
            }

            store.Abandon(step);
            return new CheckpointWritten(epoch, step, null, problem, []);
        });
    }

    /// <summary>Counts it. If the run has gone back before its step meanwhile, it is removed, for the records do not reach it: it comes again.</summary>
    public static void Record(RunState run, CheckpointWritten message)
    {
        if (message.Problem is { } problem)
        {
            Warn(run, message.Step, problem);
        }

        foreach (var warning in message.Warnings)
        {
            run.Recorder.Event("warning", warning);
        }

        if (message.Path is not null && message.Step <= run.Recorder.LastStep)
        {
            run.Saved(message.Step, message.Path);
            run.Recorder.Event("checkpoint", $"Checkpoint of step {message.Step}.", path: message.Path);
        }
        else if (message.Path is not null)
        {
            run.Checkpoints.Withdraw(message.Step);
        }
    }

    /// <summary>A checkpoint does not come about, which is no reason to end a run.</summary>
    public static void Warn(RunState run, long step, string problem)
    {
        run.SaveProblem = problem;
        run.Recorder.Event("warning", $"The checkpoint of step {step} could not be written, and the run goes on: {problem} {run.LastCheckpointSentence}");
    }
}

/// <param name="Path">Of the whole checkpoint; null where there is a problem.</param>
/// <param name="Warnings">What could not be tidied up.</param>
internal sealed record CheckpointWritten(long Epoch, long Step, string? Path, string? Problem, IReadOnlyList<string> Warnings);
