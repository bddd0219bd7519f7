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
                    directory.FlushMetrics();
                    directory.CheckOwner();
                    return new CheckpointWritten(epoch, step, store.Complete(manifest, before), null);
                }
            }
            catch (Exception failure)
            {
                problem = FailureSentence.Of(failure);
            }

            store.Abandon(step);
            return new CheckpointWritten(epoch, step, null, problem);
        });
    }

    /// <summary>Counts it, and then removes older ones. If the run has gone back before its step meanwhile, it is itself removed, for the records do not reach it: it
    /// comes again.</summary>
    public static Task<CheckpointTidied> RecordAsync(RunState run, CheckpointWritten message)
    {
        if (message.Problem is { } problem)
        {
            Warn(run, message.Step, problem);
        }

        var counts = message.Path is not null && message.Step <= run.Recorder.LastStep;
        if (counts)
        {
            run.Saved(message.Step, message.Path!);
            run.Recorder.Event("checkpoint", $"Checkpoint of step {message.Step}.", path: message.Path);
        }

        var (directory, store) = (run.Plan.Directory, run.Checkpoints);
        return Task.Run(() => new CheckpointTidied(message.Epoch, message.Path is null ? [] : Tidy()));

        IReadOnlyList<string> Tidy()
        {
            try
            {
                directory.CheckOwner();
                if (counts)
                {
                    return store.Tidy();
                }

                store.Withdraw(message.Step);
                return [];
            }
            catch (Exception failure)
            {
                return [FailureSentence.Of(failure)];
            }
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
internal sealed record CheckpointWritten(long Epoch, long Step, string? Path, string? Problem);

/// <summary>Nothing is left to do about a checkpoint that was written.</summary>
/// <param name="Problems">A sentence for each that could not be done.</param>
internal sealed record CheckpointTidied(long Epoch, IReadOnlyList<string> Problems);
