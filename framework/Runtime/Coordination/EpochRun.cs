using System.Diagnostics;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Takes a run from step to step, in one epoch. A step is a transaction: stages run it on their own, and when all are ready it is committed with
/// the clip factor of the global gradient norm, or skipped, by all of them; the decision is the commit. The next step follows at once unless something comes
/// between: layers adapt, an evaluation, a copy of the state for a checkpoint or a snapshot. Then a stage does these in the order in which they were sent; what becomes
/// of a copy happens beside the steps.</summary>
/// <param name="began">The step behind which the epoch begins.</param>
/// <param name="tellAll">Tells every worker.</param>
/// <param name="keepsSnapshots">There is another process that could go on from them.</param>
/// <param name="events">Told what ends or outlives the epoch.</param>
internal sealed class EpochRun(RunState run, long epoch, long began, Action<IControlMessage> tellAll, bool keepsSnapshots, IEpochEvents events)
{
    private readonly RunPlan plan = run.Plan;
    private readonly RunRecorder recorder = run.Recorder;
    private readonly StepMeter meter = run.Meter;
    private readonly Lbfgs? lbfgs = run.OptimizerAt(began);
    private readonly Reports<StageStarted> started = new(run.Plan.Stages.Workers.Count);
    private readonly Reports<StepReady> ready = new(run.Plan.Stages.Workers.Count);
    private readonly Reports<StagesAdapted> adapted = new(run.Plan.Stages.Workers.Count);
    private readonly Reports<EvaluationDone> evaluated = new(run.Plan.Stages.Workers.Count);
    private readonly Reports<ShardSaved> saved = new(run.Plan.Stages.Workers.Count);
    private readonly Reports<SnapshotKept> kept = new(run.Plan.Stages.Workers.Count);
    private readonly long first = began;
    private long step = began;
    private long stepBegan;
    private StepMetrics? unrecorded;   // of the last step, while something comes between it and the next
    private bool isSuspending;
    private bool isSuspended;
    private Action? afterCheckpoint;   // what waits for the one that is being written
    private long? saving;
    private bool hasShards;   // of the checkpoint that is being written
    private long? snapshotting;

    /// <summary>All stages have begun.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The checkpoint that the stages have not written all of yet; null where there is none.</summary>
    public long? Unsaved => hasShards ? null : saving;

    /// <summary>The one under way, or the last.</summary>
    public long Step => step;

    /// <summary>When a stage was last heard of: Stopwatch ticks.</summary>
    public long LastReport { get; private set; } = Stopwatch.GetTimestamp();

    public void Take(StageStarted message) => OnComplete(started, message.Worker, message, _ => Begin());

    public void Take(StepReady message) => OnComplete(ready, message.Worker, message, Commit);

    public void Take(StagesAdapted message) => OnComplete(adapted, message.Worker, message, Adapted);

    public void Take(EvaluationDone message) => OnComplete(evaluated, message.Worker, message, Evaluated);

    public void Take(ShardSaved message) => OnComplete(saved, message.Worker, message, Saved);

    public void Take(SnapshotKept message) => OnComplete(kept, message.Worker, message, Kept);

    /// <summary>After the step under way its state is copied to two processes, and nothing more is begun: the stages can go on elsewhere.</summary>
    public void Suspend() => isSuspending = true;

    /// <summary>The epoch is over, and what the stages have not written by now does not come about.</summary>
    public void Close()
    {
        if (Unsaved is { } never)
        {
            run.Checkpoints.Abandon(never);
        }
    }

    /// <summary>The checkpoint that was being written is whole, or will not be.</summary>
    public void Written()
    {
        (saving, hasShards) = (null, false);
        var next = afterCheckpoint;
        afterCheckpoint = null;
        next?.Invoke();
    }

    private void Begin()
    {
        HasBegun = true;
        events.Started();
        if (step == 0 && plan.Job.Evaluation.BeforeFirstStep && !run.IsStopping)
        {
            tellAll(new RunEvaluation(epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            Copy();
        }
    }

    private void Next()
    {
        if (isSuspending)
        {
            isSuspended = true;   // the snapshot's end follows
            return;
        }

        if (Ends)
        {
            SaveThen(step, () => events.Finished(run.IsStopping && step < plan.Job.Job.Steps ? "interrupted" : "completed"));
            return;
        }

        step++;
        stepBegan = Stopwatch.GetTimestamp();
        tellAll(new RunStep(epoch, step));
    }

    private void Commit(IReadOnlyList<StepReady> reports)
    {
        var norm = GradientClip.Norm(reports.SelectMany(report => report.GradientSquares));
        var measured = Measurement.Of(plan.Data.Targets, PassResult.Sum(reports.Select(report => report.Result)));
        var skips = !double.IsFinite(measured.Loss) || !double.IsFinite(norm);
        var move = Move(skips ? double.NaN : measured.Loss, reports);
        run.Skipped.Add(step, skips && move is null);   // a line search that goes on elsewhere is not stuck
        var (committed, stepStart) = (step, stepBegan);
        var runsNext = !Pauses && !run.Skipped.AreTooMany;
        tellAll(new CommitStep(
            epoch, step, skips ? null : GradientClip.Factor(norm, plan.Job.Optimizer.ClipNorm), runsNext, move));
        var now = Stopwatch.GetTimestamp();
        (step, stepBegan) = runsNext ? (step + 1, now) : (step, stepBegan);
        var metrics = meter.Measure(committed, epoch, measured, norm, Stopwatch.GetElapsedTime(stepStart, now).TotalSeconds, reports);   // while the stages work
        if (runsNext)
        {
            recorder.Step(metrics);
            return;
        }

        unrecorded = metrics;
        if (run.Skipped.AreTooMany)
        {
            Record(null);
            // The parameters are still those of the last step that was applied.
            SaveThen(run.Skipped.LastApplied, () => events.Failed(run.Skipped.Sentence(run.LastCheckpoint)));
        }
        else if (AdaptationDue)
        {
            tellAll(new AdaptStages(epoch, step));
        }
        else
        {
            Evaluate();
        }
    }

    /// <summary>Where L-BFGS takes the parameters: not on to a trial when they are to get another meaning, or the run ends and leaves them as its result.</summary>
    private LbfgsMove? Move(double loss, IReadOnlyList<StepReady> reports) =>
        AdaptationDue || Ends ? lbfgs?.Stop(loss) : lbfgs?.Decide(loss, LbfgsProducts.Sum(reports.SelectMany(report => report.Products ?? [])));

    private void Adapted(IReadOnlyList<StagesAdapted> reports)
    {
        meter.Optimized(step, [.. reports.Select(report => report.Optimizer)]);
        if (plan.Partition.Model.GrowsAfter(step))
        {
            recorder.Event("growth", $"The model has {plan.Partition.Model.At(step).ParameterCount:N0} parameters after step {step}.");
        }

        Evaluate();
    }

    private void Evaluate()
    {
        if (EvaluationDue && !run.IsStopping)
        {
            tellAll(new RunEvaluation(epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            Record(null);
            Copy();
        }
    }

    /// <summary>Records the last step if that has not been done.</summary>
    private void Record(Measurement? evaluation)
    {
        if (unrecorded is { } metrics)
        {
            unrecorded = null;
            recorder.Step(metrics with
            {
                ValidationLoss = evaluation?.FiniteLoss,
                ValidationAccuracy = evaluation?.Accuracy,
                ValidationSequenceAccuracy = evaluation?.SequenceAccuracy,
                ValidationRmse = evaluation?.Rmse,
            });
        }
    }

    /// <summary>Something comes between this step's commit and the next step.</summary>
    private bool Pauses => AdaptationDue || EvaluationDue || CheckpointDue || SnapshotDue || Ends || isSuspending;

    private bool Ends => run.IsStopping || step >= plan.Job.Job.Steps;

    /// <summary>Before all else that comes after a step: what is evaluated and saved is what the next step begins with.</summary>
    private bool AdaptationDue => plan.Partition.Model is var model && (model.GrowsAfter(step) || model.AdaptsAfter(step));

    private bool EvaluationDue => plan.Job.Evaluation.Every is > 0 and var every && (step % every == 0 || step >= plan.Job.Job.Steps);

    private bool CheckpointDue => step > run.LastSaved && step > 0 && plan.Job.Checkpoint.Every is > 0 and var every && step % every == 0;

    /// <summary>The state that an epoch begins with has lost its copies when it was moved; that of a run's beginning needs none.</summary>
    private bool SnapshotDue => keepsSnapshots && snapshotting is null && plan.Job.Recovery.SnapshotEvery is > 0 and var every
        && (step == first ? step > (plan.Resumed?.Step ?? 0) : step % every == 0 && !Ends);

    private void Evaluated(IReadOnlyList<EvaluationDone> reports)
    {
        meter.Optimized(step, [.. reports.Select(report => report.Optimizer)]);
        var measured = Measurement.Of(plan.Data.Targets, PassResult.Sum(reports.Select(report => report.Result)), plan.Job.Evaluation.Batches);
        Record(measured);
        recorder.Evaluation(measured);
        Copy();
    }

    /// <summary>Has the stages copy what they hold where that is due, and goes on at once.</summary>
    private void Copy()
    {
        var saves = CheckpointDue && saving != step;
        if (saves && saving is not null)
        {
            afterCheckpoint = Copy;
            return;
        }

        var directory = saves ? BeginCheckpoint() : null;
        var snapshots = SnapshotDue || (isSuspending && snapshotting is null);
        if (directory is not null || snapshots)
        {
            run.Remember(step, lbfgs);
            (saving, snapshotting) = (directory is null ? saving : step, snapshots ? step : snapshotting);
            tellAll(new CopyState(epoch, step, directory, snapshots));
        }

        Next();
    }

    private string? BeginCheckpoint()
    {
        try
        {
            plan.Directory.CheckOwner();
            return run.Checkpoints.Begin(step);
        }
        catch (Exception failure) when (failure is (IOException or UnauthorizedAccessException) and not RunTakenOverException)
        {
            events.NotSaved(step, FailureSentence.Of(failure));
            return null;
        }
    }

    /// <summary>The last thing that the epoch does, with a checkpoint before it unless one is there.</summary>
    /// <param name="needed">The step whose parameters it is to have.</param>
    private void SaveThen(long needed, Action then)
    {
        if (saving is not null)
        {
            afterCheckpoint = () => SaveThen(needed, then);
        }
        else if (needed <= run.LastSaved || needed == 0)
        {
            then();
        }
        else if (BeginCheckpoint() is { } directory)
        {
            run.Remember(step, lbfgs);
            saving = step;
            afterCheckpoint = () => End(needed, then);
            tellAll(new CopyState(epoch, step, directory, false));
        }
        else
        {
            End(needed, then);
        }
    }

    private void End(long needed, Action then)
    {
        if (needed <= run.LastSaved)
        {
            then();
        }
        else
        {
            events.Failed($"The last checkpoint, of step {step}, could not be written: {run.SaveProblem} {run.LastCheckpointSentence}");
        }
    }

    private void Saved(IReadOnlyList<ShardSaved> shards)
    {
        var of = shards[0].Step;
        hasShards = true;
        meter.Optimized(of, [.. shards.Select(shard => shard.Optimizer)]);
        events.ShardsSaved(of, [.. shards.Select(shard => shard.Shard).OfType<Shard>()], shards.Select(shard => shard.Problem).FirstOrDefault(problem => problem is not null));
    }

    private void Kept(IReadOnlyList<SnapshotKept> reports)
    {
        snapshotting = null;
        run.ForgetBefore(Math.Min(reports[0].Step, saving ?? long.MaxValue));
        events.SnapshotKept(reports[0].Step);
        if (isSuspended && reports[0].Step == step)
        {
            events.Suspended(step);
        }
        else if (isSuspended)
        {
            Copy();   // what was kept is of an earlier step
        }
    }

    private void OnComplete<T>(Reports<T> reports, int worker, T report, Action<IReadOnlyList<T>> then)
        where T : class
    {
        LastReport = Stopwatch.GetTimestamp();
        if (reports.Complete(worker, report, out var all))
        {
            then(all);
        }
    }
}

/// <summary>What an epoch tells whoever has begun it.</summary>
internal interface IEpochEvents
{
    /// <summary>All stages are ready for the next step.</summary>
    void Started();

    /// <summary>The run has come to its end.</summary>
    /// <param name="outcome">As <see cref="RunSummary.Outcome"/>.</param>
    void Finished(string outcome);

    /// <summary>The run cannot go on, in this epoch or another.</summary>
    void Failed(string sentence);

    /// <summary>As <see cref="EpochRun.Suspend"/> asked: all processes but any one can go on from this step.</summary>
    void Suspended(long step);

    /// <summary>All workers' shards of a checkpoint are on disk, or have failed.</summary>
    /// <param name="problem">Why one has failed; null when none has.</param>
    void ShardsSaved(long step, IReadOnlyList<Shard> shards, string? problem);

    /// <summary>A checkpoint could not even be begun.</summary>
    void NotSaved(long step, string problem);

    /// <summary>All snapshots of a step are in two processes.</summary>
    void SnapshotKept(long step);
}
