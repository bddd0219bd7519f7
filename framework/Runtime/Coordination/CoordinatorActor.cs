using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Configuration;
using Pipeline.Core.Optimization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Takes a run from step to step. A step is a transaction: stages run it on their own, and when all are ready it is committed with
/// the clip factor of the global gradient norm, or skipped, by all of them. The next step is sent along with the commit unless an
/// evaluation or a checkpoint comes between.</summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    private const int MostSkipsInARow = 10;

    private readonly TrainingPlan plan;
    private readonly Func<int, IStageExecutor> createExecutor;
    private readonly RunRecorder recorder;
    private readonly TaskCompletionSource<RunSummary> outcome;
    private readonly CheckpointStore checkpoints;
    private readonly StageStatus[] statuses;
    private readonly StallWatch stallWatch;
    private readonly TraceRecorder trace;
    private readonly Fence fence;
    private readonly StepReports<StageStarted> started;
    private readonly StepReports<StepReady> ready;
    private readonly StepReports<StepCommitted> committed;
    private readonly StepReports<EvaluationDone> evaluated;
    private readonly StepReports<ShardSaved> saved;
    private readonly StepReports<StageQuiet> quiet;
    private readonly long runBegan = Stopwatch.GetTimestamp();
    private readonly Queue<StepMetrics> uncommitted = new();
    private IReadOnlyList<IActorRef> stages = [];
    private long step;
    private long stepBegan;
    private int skipsInARow;
    private bool stopping;
    private TimeSpan typicalAction;
    private IActorRef? ending;
    private string? lastCheckpoint;
    private long lastSaved = -1;

    public CoordinatorActor(
        TrainingPlan plan, Func<int, IStageExecutor> createExecutor, RunRecorder recorder, TaskCompletionSource<RunSummary> outcome)
    {
        this.plan = plan;
        this.createExecutor = createExecutor;
        this.recorder = recorder;
        this.outcome = outcome;
        var count = plan.Schedule.Ranks.Count;
        checkpoints = new(plan.Directory.Checkpoints, plan.Job.Checkpoint.Keep);
        statuses = [.. Enumerable.Range(0, count).Select(_ => new StageStatus())];
        stallWatch = new(statuses);
        trace = new(plan.Schedule);
        (started, ready, committed, evaluated, saved, quiet) = (new(count), new(count), new(count), new(count), new(count), new(count));
        fence = new((plan.Resumed?.Manifest.Epoch ?? 0) + 1);
        step = plan.Resumed?.Manifest.Step ?? 0;
        lastCheckpoint = plan.Resumed?.Directory;
        lastSaved = plan.Resumed?.Manifest.Step ?? -1;

        Receive<StartRun>(_ => Start());
        Receive<StageStarted>(message => OnComplete(started, message.Rank, message, _ => Begin()));
        Receive<StepReady>(message => message.Epoch == fence.Epoch, message => OnComplete(ready, message.Rank, message, Commit));
        Receive<StepCommitted>(message => message.Epoch == fence.Epoch, message => OnComplete(committed, message.Rank, message, Committed));
        Receive<EvaluationDone>(message => message.Epoch == fence.Epoch, message => OnComplete(evaluated, message.Rank, message, Evaluated));
        Receive<ShardSaved>(message => message.Epoch == fence.Epoch, message => OnComplete(saved, message.Rank, message, Saved));
        Receive<StageFailed>(message => Fail($"Stage {message.Rank} failed while {message.Doing}: {Reason(message.Cause)}"));
        Receive<EndStages>(_ => EndStages());
        Receive<StageQuiet>(message => message.Epoch == fence.Epoch, message => OnComplete(quiet, message.Rank, message, _ => TellAll(PoisonPill.Instance)));
        Receive<Terminated>(Ended);
        Receive<StopRun>(_ => stopping = true);
        Receive<LookForStall>(_ => LookForStall());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="createExecutor">Makes a stage's executor; called on the stage's own thread.</param>
    /// <param name="outcome">Gets the summary when the run has ended, however it has.</param>
    public static Props Props(
        TrainingPlan plan, Func<int, IStageExecutor> createExecutor, RunRecorder recorder, TaskCompletionSource<RunSummary> outcome) =>
        Akka.Actor.Props.Create(() => new CoordinatorActor(plan, createExecutor, recorder, outcome)).WithDispatcher("coordinator-dispatcher");

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    /// <summary>The coordinator's own failures, such as a full disk under its records, end the run with their reason too.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            Fail($"The coordinator failed: {Reason(failure)}");
            return true;
        }
    }

    private void Start()
    {
        var resumed = plan.Resumed is null ? "" : $", continuing {plan.Resumed.Directory}";
        recorder.Event("start", $"{plan.Job.Job.Name}: {plan.Partition.Model.ParameterCount:N0} parameters on {plan.Schedule.Ranks.Count} stages{resumed}.");
        foreach (var refused in plan.Refused)
        {
            recorder.Event("warning", $"A checkpoint was passed over: {refused}");
        }

        var credits = Credits.Of(plan.Schedule);
        stages = [.. Enumerable.Range(0, plan.Schedule.Ranks.Count).Select(rank => StartStage(rank, credits))];
        foreach (var stage in stages)
        {
            stage.Tell(new StartStage(fence.Epoch, stages));
        }

        Timers.StartPeriodicTimer("stall", Coordination.LookForStall.Instance, TimeSpan.FromSeconds(1));
    }

    private IActorRef StartStage(int rank, IReadOnlyDictionary<(HandOverKind Kind, int Stage), int> credits)
    {
        var setup = new StageSetup(
            rank, plan.Schedule, credits, plan.Partition.TiedCopies, plan.Devices[rank], createExecutor, statuses[rank], fence, Self);
        return Context.Watch(Context.ActorOf(StageActor.Props(setup), $"stage-{rank}"));
    }

    private void Begin()
    {
        if (step == 0 && plan.Job.Evaluation.BeforeFirstStep && !stopping)
        {
            TellAll(new RunEvaluation(fence.Epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            Next();
        }
    }

    private void Next()
    {
        if (stopping || step >= plan.Job.Job.Steps)
        {
            SaveOrEnd();
            return;
        }

        step++;
        stepBegan = Stopwatch.GetTimestamp();
        TellAll(new RunStep(fence.Epoch, step));
    }

    private void Commit(IReadOnlyList<StepReady> reports)
    {
        var norm = GradientClip.Norm(reports.SelectMany(report => report.GradientSquares));
        var metrics = Measure(reports, norm);
        skipsInARow = metrics.Skipped ? skipsInARow + 1 : 0;
        uncommitted.Enqueue(metrics);
        TellAll(new CommitStep(fence.Epoch, step, metrics.Skipped ? null : GradientClip.Factor(norm, plan.Job.Optimizer.ClipNorm)));
        if (skipsInARow == MostSkipsInARow)
        {
            Fail($"Steps {step - MostSkipsInARow + 1} to {step} all had a loss or gradient that is not a finite number; "
                + $"a lower optimizer.learning-rate may help. {LastCheckpointSentence()}");
        }
        else if (!Pauses)
        {
            Next();
        }
    }

    /// <summary>Something comes between this step's commit and the next step.</summary>
    private bool Pauses => EvaluationDue || CheckpointDue || stopping || step >= plan.Job.Job.Steps;

    private bool EvaluationDue => plan.Job.Evaluation.Every is > 0 and var every && (step % every == 0 || step >= plan.Job.Job.Steps);

    private bool CheckpointDue => plan.Job.Checkpoint.Every is > 0 and var every && step % every == 0;

    private StepMetrics Measure(IReadOnlyList<StepReady> reports, double norm)
    {
        var seconds = Stopwatch.GetElapsedTime(stepBegan).TotalSeconds;
        var tokens = plan.Samples.TokensPerMicroBatch * plan.Job.Batch.MicroBatches;
        var loss = reports.Sum(report => report.Loss) / tokens;
        var finite = double.IsFinite(loss) && double.IsFinite(norm);
        var perStage = reports.Select(report => new StageMetrics(
            report.Rank,
            Seconds(report.Times.Busy),
            Math.Max(0, 1 - (Seconds(report.Times.Busy) / seconds)),
            Seconds(report.Times.Transfer),
            report.Times.PeakInFlight)).ToArray();
        trace.Ran(step, [.. reports.Select(report => report.Times.Actions)]);
        typicalAction = MedianAction(reports);
        return new(
            step,
            fence.Epoch,
            finite ? loss : null,
            !finite,
            null,
            double.IsFinite(norm) ? norm : null,
            LearningRate.At(plan.Job.Optimizer, step),
            tokens,
            seconds,
            tokens / seconds,
            perStage.Average(stage => stage.Bubble),
            perStage);
    }

    private void Committed(IReadOnlyList<StepCommitted> reports)
    {
        trace.Committed(reports[0].Step, [.. reports.Select(report => report.Optimizer)]);
        var metrics = uncommitted.Peek();
        if (metrics.Step < step)   // the next is under way
        {
            recorder.Step(uncommitted.Dequeue());
        }
        else if (EvaluationDue && !stopping)
        {
            TellAll(new RunEvaluation(fence.Epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            recorder.Step(uncommitted.Dequeue());
            AfterStep();
        }
    }

    private void Evaluated(IReadOnlyList<EvaluationDone> reports)
    {
        var tokens = plan.Samples.TokensPerMicroBatch * plan.Job.Batch.MicroBatches * plan.Job.Evaluation.Batches;
        var loss = reports.Sum(report => report.Loss) / tokens;
        double? finite = double.IsFinite(loss) ? loss : null;
        if (uncommitted.TryDequeue(out var metrics))
        {
            recorder.Step(metrics with { ValidationLoss = finite });
        }

        recorder.Event("evaluation", $"Validation loss after step {step}: {(finite is null ? "not a finite number" : $"{finite:F4}")}.", finite);
        AfterStep();
    }

    private void AfterStep()
    {
        if (CheckpointDue && step > lastSaved)
        {
            Save();
        }
        else
        {
            Next();
        }
    }

    private void SaveOrEnd()
    {
        if (step > lastSaved && step > 0)
        {
            Save();
        }
        else
        {
            End(stopping && step < plan.Job.Job.Steps ? "interrupted" : "completed");
        }
    }

    private void Save() => TellAll(new SaveShard(fence.Epoch, step, checkpoints.Begin(step)));

    private void Saved(IReadOnlyList<ShardSaved> shards)
    {
        lastCheckpoint = checkpoints.Complete(new Manifest(
            Manifest.CurrentFormat,
            step,
            fence.Epoch,
            plan.Job.Job.Seed,
            plan.Corpus.Tokenizer.Name,
            plan.Corpus.Tokenizer.Characters,
            plan.Corpus.Files,
            SettingsWriter.Write(plan.Job),
            [.. shards.Select(shard => new Shard(shard.File, shard.Bytes, shard.Sha256, shard.Tensors))],
            plan.Schedule.AccumulatesAscending));
        lastSaved = step;
        recorder.Event("checkpoint", $"Checkpoint of step {step}.", path: lastCheckpoint);
        Next();
    }

    private void LookForStall()
    {
        if (stallWatch.Look(typicalAction, Stopwatch.GetTimestamp()) is { } stall)
        {
            recorder.Event("warning", stall);
        }
    }

    private void Fail(string sentence)
    {
        // The outcome first: what failed may be the disk that the records go to.
        if (outcome.TrySetResult(Summarize("failed", sentence)))
        {
            fence.Raise();
            try
            {
                recorder.Event("fault", sentence);
                trace.Write(plan.Directory.Trace);
            }
            catch (IOException)
            {
                // The sentence reaches the user by the outcome; the disk under the records may be what it tells of.
            }
        }
    }

    private void End(string result)
    {
        recorder.Event("end", $"The run was {result} after step {recorder.LastStep}.", recorder.FinalLoss);
        trace.Write(plan.Directory.Trace);
        outcome.TrySetResult(Summarize(result, null));
    }

    private RunSummary Summarize(string result, string? failure) => new(
        plan.Job.Job.Name,
        result,
        failure,
        recorder.LastStep,
        recorder.FirstLoss,
        recorder.FinalLoss,
        recorder.FinalValidationLoss,
        plan.Partition.Model.ParameterCount,
        recorder.SkippedSteps,
        Stopwatch.GetElapsedTime(runBegan).TotalSeconds,
        recorder.MedianStepSeconds,
        recorder.MedianTokensPerSecond,
        recorder.MedianBubble,
        plan.Directory.Root,
        lastCheckpoint,
        plan.Stages);

    /// <summary>In two rounds, so that no frame is lost with its tensor: when every stage has fallen quiet, all frames are in mailboxes, and
    /// a stage's end, which comes behind them, finds none.</summary>
    private void EndStages()
    {
        ending = Sender;
        fence.Raise();
        if (stages.Count == 0)
        {
            ending.Tell(StagesEnded.Instance);
        }

        TellAll(new Quieten(fence.Epoch));
    }

    private void Ended(Terminated message)
    {
        if (ending is null)
        {
            Fail($"{message.ActorRef.Path.Name} ended unexpectedly.");
        }
        else if (!Context.GetChildren().Any())
        {
            ending.Tell(StagesEnded.Instance);
        }
    }

    private string LastCheckpointSentence() => lastCheckpoint is null ? "There is no checkpoint yet." : $"The last checkpoint is {lastCheckpoint}.";

    private void TellAll(object message)
    {
        foreach (var stage in stages)
        {
            stage.Tell(message);
        }
    }

    private static void OnComplete<T>(StepReports<T> reports, int stage, T report, Action<IReadOnlyList<T>> then)
        where T : class
    {
        if (reports.Complete(stage, report, out var all))
        {
            then(all);
        }
    }

    private static TimeSpan MedianAction(IReadOnlyList<StepReady> reports)
    {
        var ticks = reports.SelectMany(report => report.Times.Actions).Select(action => action.End - action.Start).Order().ToArray();
        return Stopwatch.GetElapsedTime(0, ticks[ticks.Length / 2]);
    }

    private static double Seconds(long ticks) => Stopwatch.GetElapsedTime(0, ticks).TotalSeconds;

    /// <summary>The first line says it; what follows in libtorch's messages is a stack trace.</summary>
    private static string Reason(Exception failure)
    {
        var line = failure.Message.Split('\n')[0].Trim();
        return line.EndsWith('.') ? line : line + ".";
    }
}
