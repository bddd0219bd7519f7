using System.Diagnostics;
using System.Numerics;
using Akka.Actor;
using Pipeline.Core.Configuration;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>Takes a run from step to step. A step is a transaction: stages run it on their own, and when all are ready it is committed with
/// the clip factor of the global gradient norm, or skipped, by all of them. The next step is sent along with the commit unless an
/// evaluation or a checkpoint comes between.</summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    private const int MostSkipsInARow = 10;
    private const int ClockProbes = 8;

    private readonly TrainingPlan plan;
    private readonly RunRecorder recorder;
    private readonly TaskCompletionSource<RunSummary> outcome;
    private readonly CheckpointStore checkpoints;
    private readonly Workers workers;
    private readonly StallWatch stallWatch;
    private readonly TraceRecorder trace;
    private readonly Reports<StageStarted> started;
    private readonly Reports<StepReady> ready;
    private readonly Reports<StepCommitted> committed;
    private readonly Reports<EvaluationDone> evaluated;
    private readonly Reports<ShardSaved> saved;
    private readonly long runBegan = Stopwatch.GetTimestamp();
    private readonly Queue<StepMetrics> uncommitted = new();
    private readonly IActorRef[] stages;
    private readonly List<StageDescription> descriptions = [];
    private readonly int[] hostOf;
    private IReadOnlyList<HostedWorkers> hosts = [];
    private HostClocks clocks = new(0);
    private readonly List<ITensorLink> lifeLines = [];
    private long epoch;
    private long step;
    private long stepBegan;
    private long lastReport = Stopwatch.GetTimestamp();
    private int skipsInARow;
    private int refusedFrames;
    private bool stopping;
    private TimeSpan typicalAction;
    private IActorRef? ending;
    private readonly HashSet<IActorRef> endedHosts = [];   // and those that are lost
    private string? lastCheckpoint;
    private long lastSaved = -1;

    public CoordinatorActor(TrainingPlan plan, RunRecorder recorder, TaskCompletionSource<RunSummary> outcome)
    {
        this.plan = plan;
        this.recorder = recorder;
        this.outcome = outcome;
        workers = plan.Stages.Workers;
        checkpoints = new(plan.Directory.Checkpoints, plan.Job.Checkpoint.Keep);
        (stages, hostOf) = (new IActorRef[workers.Count], new int[workers.Count]);
        stallWatch = new(workers);
        trace = new(plan.Schedule);
        (started, ready, committed, evaluated, saved) = (new(workers.Count), new(workers.Count), new(workers.Count), new(workers.Count), new(workers.Count));
        epoch = (plan.Resumed?.Manifest.Epoch ?? 0) + 1;
        step = plan.Resumed?.Manifest.Step ?? 0;
        lastCheckpoint = plan.Resumed?.Directory;
        lastSaved = plan.Resumed?.Manifest.Step ?? -1;

        Receive<StartRun>(Start);
        Receive<StageStarted>(message => message.Epoch == epoch, Started);
        Receive<StepReady>(message => message.Epoch == epoch, message => OnComplete(ready, message.Worker, message, Commit));
        Receive<StepCommitted>(message => message.Epoch == epoch, message => OnComplete(committed, message.Worker, message, Committed));
        Receive<EvaluationDone>(message => message.Epoch == epoch, message => OnComplete(evaluated, message.Worker, message, Evaluated));
        Receive<ShardSaved>(message => message.Epoch == epoch, message => OnComplete(saved, message.Worker, message, Saved));
        Receive<StageFailed>(message => message.Epoch == epoch, message =>
            Fail($"{Capital(workers.NameOf(message.Worker))} failed while {message.Doing}: {message.Reason}"));
        Receive<LinkLost>(message => message.Epoch == epoch, message =>
            Fail($"{Capital(workers.NameOf(message.Worker))} has lost its link to {workers.NameOf(message.Peer)}: {message.Reason}"));
        Receive<FrameRefused>(Refused);
        Receive<StagesDescribed>(Described);
        Receive<ClockRead>(message => clocks.Answered(message.Host, message.AskedAt, message.Ticks));
        Receive<EndRun>(_ => End());
        Receive<StagesEnded>(_ => Ended(Sender));
        Receive<LifeLineTied>(message => lifeLines.Add(message.Link));
        Receive<HostLost>(message => Lost(hosts[message.Host].Host, message.Reason));
        Receive<Terminated>(message => Lost(message.ActorRef, "The cluster has removed it."));
        Receive<StopRun>(_ => stopping = true);
        Receive<LookForStall>(_ => LookForStall());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="outcome">Gets the summary when the run has ended, however it has.</param>
    public static Props Props(TrainingPlan plan, RunRecorder recorder, TaskCompletionSource<RunSummary> outcome) =>
        Akka.Actor.Props.Create(() => new CoordinatorActor(plan, recorder, outcome)).WithDispatcher("coordinator-dispatcher");

    /// <summary>The coordinator's own failures, such as a full disk under its records, end the run with their reason too.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            Fail($"The coordinator failed: {FailureSentence.Of(failure)}");
            return true;
        }
    }

    protected override void PostStop() => lifeLines.ForEach(link => link.Dispose());

    private void Start(StartRun message)
    {
        hosts = message.Hosts;
        var resumed = plan.Resumed is null ? "" : $", continuing {plan.Resumed.Directory}";
        var replicas = workers.Replicas == 1 ? "" : $" of each of {workers.Replicas} replicas";
        recorder.Event("start", $"{plan.Job.Job.Name}: {plan.Partition.Model.ParameterCount:N0} parameters on {workers.Ranks} stages{replicas}{resumed}.");
        foreach (var warning in plan.Warnings)
        {
            recorder.Event("warning", warning);
        }

        var addresses = new PlaneAddress?[workers.Count];
        clocks = new(hosts.Count);
        foreach (var (index, host) in hosts.Index())
        {
            foreach (var worker in host.Workers)
            {
                (addresses[worker], hostOf[worker]) = (host.Address, index);
            }

            Context.Watch(host.Host);
            for (var probe = 0; probe < ClockProbes; probe++)
            {
                host.Host.Tell(new ReadClock(index, Stopwatch.GetTimestamp()));
            }
        }

        foreach (var host in hosts)
        {
            host.Host.Tell(new StartStages(epoch, step, message.Run, addresses, Self));
        }

        for (var host = 0; host < hosts.Count && message.Plane is { } plane; host++)
        {
            TieLifeLine(host, message.Run, plane);
        }

        Timers.StartPeriodicTimer("stall", Coordination.LookForStall.Instance, TimeSpan.FromSeconds(1));
    }

    private void Started(StageStarted message)
    {
        stages[message.Worker] = Sender;
        OnComplete(started, message.Worker, message, _ => Begin());
    }

    private void Begin()
    {
        if (step == 0 && plan.Job.Evaluation.BeforeFirstStep && !stopping)
        {
            TellAll(new RunEvaluation(epoch, step, plan.Job.Evaluation.Batches));
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
        TellAll(new RunStep(epoch, step));
    }

    private void Commit(IReadOnlyList<StepReady> reports)
    {
        var norm = GradientClip.Norm(reports.SelectMany(report => report.GradientSquares));
        var metrics = Measure(reports, norm);
        skipsInARow = metrics.Skipped ? skipsInARow + 1 : 0;
        uncommitted.Enqueue(metrics);
        TellAll(new CommitStep(epoch, step, metrics.Skipped ? null : GradientClip.Factor(norm, plan.Job.Optimizer.ClipNorm)));
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
        var tokens = plan.Job.TokensPerMicroBatch * plan.Job.Batch.MicroBatches;
        var loss = reports.Sum(report => report.Loss) / tokens;
        var finite = double.IsFinite(loss) && double.IsFinite(norm);
        var perStage = reports.Select(report => new StageMetrics(
            workers.RankOf(report.Worker),
            Seconds(report.Times.Busy),
            Math.Max(0, 1 - (Seconds(report.Times.Busy) / seconds)),
            Seconds(report.Times.Transfer),
            report.Times.PeakInFlight,
            workers.Replicas == 1 ? null : workers.ReplicaOf(report.Worker))).ToArray();
        trace.Ran(step, [.. reports.Take(workers.Ranks).Select(report => OnOwnClock(report.Worker, report.Times.Actions))]);
        typicalAction = MedianAction(reports);
        return new(
            step,
            epoch,
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
        trace.Committed(reports[0].Step, [.. reports.Take(workers.Ranks).Select(report => OnOwnClock(report.Worker, report.Optimizer))]);
        var metrics = uncommitted.Peek();
        if (metrics.Step < step)   // the next is under way
        {
            recorder.Step(uncommitted.Dequeue());
        }
        else if (EvaluationDue && !stopping)
        {
            TellAll(new RunEvaluation(epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            recorder.Step(uncommitted.Dequeue());
            AfterStep();
        }
    }

    private void Evaluated(IReadOnlyList<EvaluationDone> reports)
    {
        var tokens = plan.Job.TokensPerMicroBatch * plan.Job.Batch.MicroBatches * plan.Job.Evaluation.Batches;
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
            Finish(stopping && step < plan.Job.Job.Steps ? "interrupted" : "completed");
        }
    }

    private void Save() => TellAll(new SaveShard(epoch, step, checkpoints.Begin(step)));

    private void Saved(IReadOnlyList<ShardSaved> shards)
    {
        lastCheckpoint = checkpoints.Complete(new Manifest(
            Manifest.CurrentFormat,
            step,
            epoch,
            plan.Job.Job.Seed,
            plan.Corpus.Tokenizer.Name,
            plan.Corpus.Tokenizer.Characters,
            plan.Corpus.Files,
            SettingsWriter.Write(plan.Job),
            [.. shards.Select(saved => saved.Shard).OfType<Shard>()],
            plan.Schedule.AccumulatesAscending,
            plan.InstructionSet,
            plan.Vocabulary,
            plan.Resumed?.Manifest.HuggingFace,
            plan.Resumed?.Manifest.TokenizerFiles), lastCheckpoint);
        lastSaved = step;
        recorder.Event("checkpoint", $"Checkpoint of step {step}.", path: lastCheckpoint);
        Next();
    }

    /// <summary>Asks the hosts only when nothing has been reported for long: a stage inside an operator reads no mailbox, its host does.</summary>
    private void LookForStall()
    {
        if (Stopwatch.GetElapsedTime(lastReport) > StallWatch.Shortest)
        {
            descriptions.Clear();
            TellHosts(new DescribeStages());
        }
    }

    private void Described(StagesDescribed message)
    {
        descriptions.AddRange(message.Workers);
        if (descriptions.Count == workers.Count && stallWatch.Look(typicalAction, [.. descriptions.OrderBy(one => one.Worker)]) is { } stall)
        {
            recorder.Event("warning", stall);
        }
    }

    private void Refused(FrameRefused message)
    {
        refusedFrames++;
        if (BitOperations.IsPow2(refusedFrames))   // a peer that sends many must not fill the records
        {
            recorder.Event("warning", $"{Capital(workers.NameOf(message.Worker))} refused a frame, the {refusedFrames}. of the run: {message.Reason}");
        }
    }

    /// <summary>So that the end of a process is noticed by its socket, long before the cluster removes it.</summary>
    private void TieLifeLine(int host, Guid run, ITensorPlane plane)
    {
        var self = Self;
        plane.DialAsync(
            hosts[host].Address!,
            new(run, epoch, LinkName.Coordinator, hosts[host].Workers.Min()),
            new LifeLine(reason => self.Tell(new HostLost(host, reason))),
            CancellationToken.None).PipeTo(
                self,
                success: link => new LifeLineTied(link),
                failure: failure => new HostLost(host, FailureSentence.Of(failure)));
    }

    private void Lost(IActorRef host, string reason)
    {
        if (ending is null && hosts.FirstOrDefault(one => one.Host.Equals(host)) is { } lost)
        {
            Fail($"The node {lost.Node} was lost, and with it {string.Join(", ", lost.Workers.Select(workers.NameOf))}: {reason}");
        }

        Ended(host);
    }

    private void Fail(string sentence)
    {
        // The outcome first: what failed may be the disk that the records go to.
        if (outcome.TrySetResult(Summarize("failed", sentence)))
        {
            epoch++;   // what the stages still say counts no more
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

    private void Finish(string result)
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
        plan.Summaries);

    private void End()
    {
        ending = Sender;
        epoch++;
        TellHosts(new EndStages(epoch));
        AnswerWhenEnded();
    }

    private void Ended(IActorRef host)
    {
        endedHosts.Add(host);
        AnswerWhenEnded();
    }

    private void AnswerWhenEnded()
    {
        if (ending is not null && endedHosts.Count == hosts.Count)
        {
            ending.Tell(RunEnded.Instance);
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

    private void TellHosts(object message)
    {
        foreach (var host in hosts)
        {
            host.Host.Tell(message);
        }
    }

    private void OnComplete<T>(Reports<T> reports, int worker, T report, Action<IReadOnlyList<T>> then)
        where T : class
    {
        lastReport = Stopwatch.GetTimestamp();
        if (reports.Complete(worker, report, out var all))
        {
            then(all);
        }
    }

    private ActionTime[] OnOwnClock(int worker, IReadOnlyList<ActionTime> actions) =>
        [.. actions.Select(action => action with { Start = clocks.ToOwn(hostOf[worker], action.Start), End = clocks.ToOwn(hostOf[worker], action.End) })];

    private Interval OnOwnClock(int worker, Interval interval) =>
        new(clocks.ToOwn(hostOf[worker], interval.Start), clocks.ToOwn(hostOf[worker], interval.End));

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static TimeSpan MedianAction(IReadOnlyList<StepReady> reports)
    {
        var ticks = reports.SelectMany(report => report.Times.Actions).Select(action => action.End - action.Start).Order().ToArray();
        return Stopwatch.GetElapsedTime(0, ticks[ticks.Length / 2]);
    }

    private static double Seconds(long ticks) => Stopwatch.GetElapsedTime(0, ticks).TotalSeconds;

    private sealed record LifeLineTied(ITensorLink Link);

    private sealed record HostLost(int Host, string Reason);
}
