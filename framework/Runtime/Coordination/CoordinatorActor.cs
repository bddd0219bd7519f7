using System.Diagnostics;
using System.Numerics;
using Akka.Actor;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Coordination;

/// <summary>Takes a run from step to step. A step is a transaction: stages run it on their own, and when all are ready it is committed with
/// the clip factor of the global gradient norm, or skipped, by all of them; the decision is the commit. The next step follows at once unless an
/// evaluation or a checkpoint comes between: then a stage does these in the order in which they were sent.</summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    private const int ClockProbes = 8;

    private readonly TrainingPlan plan;
    private readonly RunRecorder recorder;
    private readonly TaskCompletionSource<RunSummary> outcome;
    private readonly CheckpointStore checkpoints;
    private readonly Workers workers;
    private readonly StallWatch stallWatch;
    private readonly StepMeter meter;
    private readonly Lbfgs? lbfgs;
    private readonly Reports<StageStarted> started;
    private readonly Reports<StepReady> ready;
    private readonly Reports<StagesAdapted> adapted;
    private readonly Reports<EvaluationDone> evaluated;
    private readonly Reports<ShardSaved> saved;
    private readonly long runBegan = Stopwatch.GetTimestamp();
    private readonly Action<IControlMessage>?[] tell;   // by worker; null until it can be reached
    private readonly List<StageDescription> descriptions = [];
    private IReadOnlyList<HostedWorkers> hosts = [];
    private readonly List<ITensorLink> controlLines = [];
    private bool usesControlLines;
    private bool allStarted;
    private long epoch;
    private long step;
    private long stepBegan;
    private StepMetrics? unrecorded;   // of the last step, while something comes between it and the next
    private long lastReport = Stopwatch.GetTimestamp();
    private readonly SkippedSteps skipped;
    private int refusedFrames;
    private bool stopping;
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
        tell = new Action<IControlMessage>?[workers.Count];
        stallWatch = new(workers);
        meter = new(plan);
        skipped = new(plan.Job);
        lbfgs = plan.Job.Optimizer.IsLbfgs
            ? new(plan.Job.Optimizer.History, plan.Job.Optimizer.LearningRate, plan.Resumed?.Manifest.Lbfgs)
            : null;
        (started, ready, adapted, evaluated, saved) =
            (new(workers.Count), new(workers.Count), new(workers.Count), new(workers.Count), new(workers.Count));
        epoch = (plan.Resumed?.Manifest.Epoch ?? 0) + 1;
        step = plan.Resumed?.Manifest.Step ?? 0;
        lastCheckpoint = plan.Resumed?.Directory;
        lastSaved = plan.Resumed?.Manifest.Step ?? -1;

        Receive<StartRun>(Start);
        Receive<StageStarted>(message => message.Epoch == epoch, Started);
        Receive<StepReady>(message => message.Epoch == epoch, message => OnComplete(ready, message.Worker, message, Commit));
        Receive<StagesAdapted>(message => message.Epoch == epoch, message => OnComplete(adapted, message.Worker, message, Adapted));
        Receive<EvaluationDone>(message => message.Epoch == epoch, message => OnComplete(evaluated, message.Worker, message, Evaluated));
        Receive<ShardSaved>(message => message.Epoch == epoch, message => OnComplete(saved, message.Worker, message, Saved));
        Receive<StageFailed>(message => message.Epoch == epoch, message =>
            Fail($"{Capital(workers.NameOf(message.Worker))} failed while {message.Doing}: {message.Reason}"));
        Receive<LinkLost>(message => message.Epoch == epoch, message =>
            Fail($"{Capital(workers.NameOf(message.Worker))} has lost its link to {workers.NameOf(message.Peer)}: {message.Reason}"));
        Receive<FrameRefused>(Refused);
        Receive<FaultFired>(message => recorder.Event("injected", $"{Capital(workers.NameOf(message.Worker))}: {message.Fault}, as --inject asks."));
        Receive<StagesDescribed>(Described);
        Receive<ClockRead>(meter.Answered);
        Receive<EndRun>(_ => End());
        Receive<StagesEnded>(_ => Ended(Sender));
        Receive<ControlLineTied>(Tied);
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

    protected override void PostStop() => controlLines.ForEach(link => link.Dispose());

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
        meter.Meet(hosts);
        foreach (var (index, host) in hosts.Index())
        {
            foreach (var worker in host.Workers)
            {
                addresses[worker] = host.Address;
            }

            Context.Watch(host.Host);
            for (var probe = 0; probe < ClockProbes; probe++)
            {
                host.Host.Tell(new ReadClock(index, Stopwatch.GetTimestamp()));
            }
        }

        foreach (var host in hosts)
        {
            host.Host.Tell(new StartStages(epoch, step, message.Run, addresses, Self, [.. plan.Faults.Select(fault => fault.ToString())]));
        }

        usesControlLines = message.Plane is not null;
        for (var host = 0; host < hosts.Count && message.Plane is { } plane; host++)
        {
            TieControlLine(host, message.Run, plane);
        }

        Timers.StartPeriodicTimer("stall", Coordination.LookForStall.Instance, TimeSpan.FromSeconds(1));
    }

    private void Started(StageStarted message)
    {
        if (!usesControlLines)
        {
            tell[message.Worker] = Sender.Tell;
        }

        OnComplete(started, message.Worker, message, _ => allStarted = true);
        BeginWhenReady();
    }

    /// <summary>A stage's first word may come over a line that this end has not been told of yet.</summary>
    private void BeginWhenReady()
    {
        if (allStarted && tell.All(one => one is not null))
        {
            Begin();
        }
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
        if (Ends)
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
        var measured = Measurement.Of(plan.Stages, PassResult.Sum(reports.Select(report => report.Result)));
        var skips = !double.IsFinite(measured.Loss) || !double.IsFinite(norm);
        var move = Move(skips ? double.NaN : measured.Loss, reports);
        skipped.Add(step, skips && move is null);   // a line search that goes on elsewhere is not stuck
        var (committed, began) = (step, stepBegan);
        var runsNext = !Pauses && !skipped.AreTooMany;
        TellAll(new CommitStep(
            epoch, step, skips ? null : GradientClip.Factor(norm, plan.Job.Optimizer.ClipNorm), runsNext, move));
        var now = Stopwatch.GetTimestamp();
        (step, stepBegan) = runsNext ? (step + 1, now) : (step, stepBegan);
        var metrics = meter.Measure(committed, epoch, measured, norm, Stopwatch.GetElapsedTime(began, now).TotalSeconds, reports);   // while the stages work
        if (runsNext)
        {
            recorder.Step(metrics);
            return;
        }

        unrecorded = metrics;
        if (skipped.AreTooMany)
        {
            Record(null);
            StopAtLastGoodState();
        }
        else if (AdaptationDue)
        {
            TellAll(new AdaptStages(epoch, step));
        }
        else
        {
            Evaluate();
        }
    }

    /// <summary>The parameters are still those of the last step that was applied: they are saved unless a checkpoint has them.</summary>
    private void StopAtLastGoodState()
    {
        if (skipped.LastApplied > lastSaved && skipped.LastApplied > 0)
        {
            Save();
        }
        else
        {
            Fail(skipped.Sentence(lastCheckpoint));
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
        if (EvaluationDue && !stopping)
        {
            TellAll(new RunEvaluation(epoch, step, plan.Job.Evaluation.Batches));
        }
        else
        {
            Record(null);
            AfterStep();
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
    private bool Pauses => AdaptationDue || EvaluationDue || CheckpointDue || Ends;

    private bool Ends => stopping || step >= plan.Job.Job.Steps;

    /// <summary>Before all else that comes after a step: what is evaluated and saved is what the next step begins with.</summary>
    private bool AdaptationDue => plan.Partition.Model is var model && (model.GrowsAfter(step) || model.AdaptsAfter(step));

    private bool EvaluationDue => plan.Job.Evaluation.Every is > 0 and var every && (step % every == 0 || step >= plan.Job.Job.Steps);

    private bool CheckpointDue => plan.Job.Checkpoint.Every is > 0 and var every && step % every == 0;

    private void Evaluated(IReadOnlyList<EvaluationDone> reports)
    {
        meter.Optimized(step, [.. reports.Select(report => report.Optimizer)]);
        var measured = Measurement.Of(plan.Stages, PassResult.Sum(reports.Select(report => report.Result)), plan.Job.Evaluation.Batches);
        Record(measured);
        recorder.Evaluation(measured);
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
        meter.Optimized(step, [.. shards.Select(saved => saved.Optimizer)]);
        lastCheckpoint = checkpoints.Complete(plan.Manifest(step, epoch, [.. shards.Select(saved => saved.Shard).OfType<Shard>()], lbfgs?.State), lastCheckpoint);
        lastSaved = step;
        recorder.Event("checkpoint", $"Checkpoint of step {step}.", path: lastCheckpoint);
        (skipped.AreTooMany ? (Action)StopAtLastGoodState : Next)();
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
        if (descriptions.Count == workers.Count && stallWatch.Look(meter.TypicalAction, [.. descriptions.OrderBy(one => one.Worker)]) is { } stall)
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

    /// <summary>By its line's socket the end of a process is noticed too, long before the cluster removes it.</summary>
    private void TieControlLine(int host, Guid run, ITensorPlane plane)
    {
        var self = Self;
        var line = new ControlLine(
            new((ExtendedActorSystem)Context.System), (_, report) => self.Tell(report), reason => self.Tell(new HostLost(host, reason)));
        plane.DialAsync(hosts[host].Address!, new(run, epoch, LinkName.Coordinator, hosts[host].Workers.Min()), line, CancellationToken.None).PipeTo(
            self,
            success: link => new ControlLineTied(host, line, link),
            failure: failure => new HostLost(host, FailureSentence.Of(failure)));
    }

    private void Tied(ControlLineTied message)
    {
        controlLines.Add(message.Link);
        var (line, link) = (message.Line, message.Link);
        foreach (var worker in hosts[message.Host].Workers)
        {
            tell[worker] = order => line.Send(link, epoch, worker, order);
        }

        BeginWhenReady();
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
                meter.WriteTrace();
            }
            catch (IOException)
            {
                // The sentence reaches the user by the outcome; the disk under the records may be what it tells of.
            }
        }
    }

    private void Finish(string result)
    {
        recorder.Event("end", $"The run was {result} after step {recorder.LastStep}.", recorder.Final?.Loss);
        meter.WriteTrace();
        outcome.TrySetResult(Summarize(result, null));
    }

    private RunSummary Summarize(string result, string? failure) =>
        recorder.Summarize(plan, result, failure, Stopwatch.GetElapsedTime(runBegan), lastCheckpoint);

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

    private void TellAll(IControlMessage message)
    {
        foreach (var one in tell)
        {
            one!(message);
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

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private sealed record ControlLineTied(int Host, ControlLine Line, ITensorLink Link);

    private sealed record HostLost(int Host, string Reason);
}
