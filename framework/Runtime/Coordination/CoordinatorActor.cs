using System.Diagnostics;
using System.Numerics;
using Akka.Actor;
using Pipeline.Core.Faults;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Takes a run through its epochs. An epoch begins in the same way at the run's start, after a loss, and when workers move: all processes end what they are
/// at and say what snapshots they have; the newest step is chosen that every worker has one of, or the newest checkpoint; workers are seated; all start behind
/// that step. What happens within an epoch is <see cref="EpochRun"/>'s.</summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers, IEpochEvents
{
    private const int ClockProbes = 8;

    /// <summary>A stage ends after the operator it is in.</summary>
    private static readonly TimeSpan PauseLimit = TimeSpan.FromSeconds(60);

    /// <summary>Whoever starts processes anew has done so by then.</summary>
    private static readonly TimeSpan AloneLimit = TimeSpan.FromSeconds(60);

    private readonly RunState run;
    private readonly RunRecorder recorder;
    private readonly TaskCompletionSource<RunSummary> outcome;
    private readonly RunMembers members;
    private readonly Workers workers;
    private readonly StallWatch stallWatch;
    private readonly long runBegan = Stopwatch.GetTimestamp();
    private TimeSpan timeBefore;   // under other coordinators
    private IReadOnlyList<Seat> seats = [];
    private EpochRun? epochRun;   // null between two
    private long epoch;
    private readonly Losses losses = new();
    private string? recovering;   // why an epoch begins that is not the first
    private bool takesOver;   // until its first epoch
    private bool hasBegun;
    private bool isAbandoning;
    private int refusedFrames;
    private IActorRef? ending;

    public CoordinatorActor(RunPlan plan, RunRecorder recorder, RunMembers members, TaskCompletionSource<RunSummary> outcome)
    {
        run = new(plan, recorder);
        this.recorder = recorder;
        this.outcome = outcome;
        this.members = members;
        workers = plan.Stages.Workers;
        stallWatch = new(workers);
        epoch = plan.Resumed?.Manifest.Epoch ?? 0;

        Receive<StartRun>(Start);
        Receive<HostTied>(Tied);
        Receive<StagesPaused>(message => message.Epoch == epoch, message => Paused(members.Find(message.Host), message.Held));
        Receive<PauseLate>(message => message.Epoch == epoch && epochRun is null, _ => LoseSilent());
        Receive<AloneTooLong>(_ => Fail(NothingLeft));
        Receive<StageStarted>(IsOfEpoch, Started);
        Receive<StepReady>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<StagesAdapted>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<EvaluationDone>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<ShardSaved>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<SnapshotKept>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<StageFailed>(IsOfEpoch, Failed);
        Receive<LinkLost>(IsOfEpoch, message => Recover($"{Capital(message.What)}: {message.Reason}"));
        Receive<CheckpointWritten>(Written);
        Receive<FrameRefused>(Refused);
        Receive<FaultFired>(message => recorder.Event("injected", $"{Capital(workers.NameOf(message.Worker))}: {message.Fault}, as --inject asks."));
        Receive<StagesDescribed>(Described);
        Receive<ClockRead>(run.Meter.Answered);
        Receive<HostLost>(message => Lost(members.Find(message.Host), message.Reason));
        Receive<Terminated>(message => Lost(members.Find(message.ActorRef), "The cluster has removed it."));
        Receive<HostLeaves>(message => Leaves(members.Find(message.Host)));
        Receive<HostJoined>(Joined);
        Receive<NodesChanged>(_ => members.Seek(seats));
        Receive<StopRun>(_ => run.IsStopping = true);
        Receive<AbandonRun>(_ => Abandon());
        Receive<LookForStall>(_ => LookForStall());
        Receive<EndRun>(_ => End());
        Receive<StagesEnded>(_ => Ended(members.Find(Sender)));
        ReceiveAny(_ => { });   // of an older epoch
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="outcome">Gets the summary when the run has ended, however it has.</param>
    public static Props Props(RunPlan plan, RunRecorder recorder, RunMembers members, TaskCompletionSource<RunSummary> outcome) =>
        Akka.Actor.Props.Create(() => new CoordinatorActor(plan, recorder, members, outcome)).WithDispatcher("coordinator-dispatcher");

    /// <summary>The coordinator's own failures, such as a full disk under its records, end the run with their reason too.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (RunTakenOverException taken)
        {
            outcome.TrySetException(taken);
            return true;
        }
        catch (Exception failure)
        {
            Fail($"The coordinator failed: {FailureSentence.Of(failure)}");
            return true;
        }
    }

    protected override void PostStop() => members.Close();

    private bool IsOfEpoch(IEpochReport report) => report.Epoch == epoch && epochRun is not null;

    private void Start(StartRun message)
    {
        seats = message.Seats;
        if (message.TakenOver is { } before)
        {
            TakeOver(before);
        }
        else
        {
            TellStart();
        }

        foreach (var host in message.Hosts)
        {
            members.Add(host, Context, epoch + 1);
        }

        Timers.StartPeriodicTimer("stall", Coordination.LookForStall.Instance, TimeSpan.FromSeconds(1));
        BeginWhenTied();
    }

    private void TellStart()
    {
        var plan = run.Plan;
        var resumed = plan.Resumed is null ? "" : $", continuing {plan.Resumed.Directory}";
        var replicas = workers.Replicas == 1 ? "" : $" of each of {workers.Replicas} replicas";
        recorder.Event("start", $"{plan.Job.Job.Name}: {plan.Partition.Model.ParameterCount:N0} parameters on {workers.Ranks} stages{replicas}{resumed}.");
        foreach (var warning in plan.Warnings)
        {
            recorder.Event("warning", warning);
        }
    }

    /// <summary>The run's records and checkpoints, and what its processes hold, are all that there is to know.</summary>
    private void TakeOver(TakenOver before)
    {
        (epoch, timeBefore, takesOver, recovering) = (before.Epoch, DateTimeOffset.UtcNow - before.Began, true, before.Reason);
        losses.Reach(recorder.LastStep + 1);   // the step under way had its faults
        if (CheckpointFolder.Finished(run.Plan.Directory.Checkpoints) is [var newest, ..])
        {
            run.Saved(newest.Step, newest.Path);
        }
    }

    private void Tied(HostTied message)
    {
        if (!members.Tie(message))
        {
            return;
        }

        if (ending is not null)
        {
            members.Find(message.Host)!.Tell(new EndStages(epoch), Self);   // too late
        }
        else if (hasBegun && epochRun is null)
        {
            Pause();   // with this one
        }
        else if (hasBegun && Seating.IsCrowded(seats))
        {
            Move($"The node {members.Find(message.Host)!.Node} has joined");
        }

        BeginWhenTied();
    }

    private void BeginWhenTied()
    {
        if (!hasBegun && members.AreTied)
        {
            hasBegun = true;
            Pause();
        }
    }

    /// <summary>Begins an epoch: whatever the processes are at counts no more.</summary>
    private void Pause()
    {
        if (isAbandoning)
        {
            outcome.TrySetCanceled();   // another coordinator begins it
            return;
        }

        losses.Reach(epochRun?.Step ?? 0);
        run.Plan.Directory.CheckOwner();   // who stood still must not go on by itself
        epochRun = null;
        epoch++;
        members.Pause(epoch, Self);
        Timers.StartSingleTimer("pause", new PauseLate(epoch), PauseLimit);
        SeatWhenPaused();
    }

    private void Paused(RunHost? host, IReadOnlyList<Recovery.HeldSnapshot> held)
    {
        if (host is not null && epochRun is null)
        {
            (host.Held, host.IsAwaited) = (held, false);
            SeatWhenPaused();
        }
    }

    private void SeatWhenPaused()
    {
        if (!hasBegun || epochRun is not null || ending is not null || outcome.Task.IsCompleted || members.AreAwaited)
        {
            return;
        }

        Timers.Cancel("pause");
        if (Seating.Of(seats, members.Offers) is not { } chosen)
        {
            AwaitAnother();
            return;
        }

        Timers.Cancel("alone");
        var before = seats;
        seats = chosen;
        var point = RestorePoint.Of(run, members.All, seats);
        recorder.RollBack(point.Step);
        run.Plan.Place([.. seats.Select(seat => members.Place(seat))]);
        run.Meter.Meet([.. seats.Select(seat => seat.Host)]);
        members.ReadClocks(ClockProbes, Self);
        if (recovering is { } reason)
        {
            recorder.Event(takesOver ? "takeover" : "recovery", Sentence(reason, point, before));
        }

        epochRun = new(run, epoch, point.Step, message => members.TellAll(seats, message), members.All.Count > 1, this);
        members.TellHosts(new StartStages(
            epoch, point.Step, point.Checkpoint, seats, [.. members.All.Select(host => host.Place)], point.Sources, Self, Faults()), Self);
    }

    /// <summary>Those that are still to happen. A step has its wrong numbers however often it is run, as it has its data.</summary>
    private string[] Faults() => [.. run.Plan.Faults.Where(fault => fault.Step > losses.Reached || fault.Kind == FaultKind.Nan).Select(fault => fault.ToString())];

    /// <summary>Nothing is left to go on in.</summary>
    private void AwaitAnother()
    {
        if (!members.CanGrow)
        {
            Fail(NothingLeft);
        }
        else if (!Timers.IsTimerActive("alone"))
        {
            recorder.Event("warning", $"No process is left that the stages could go on in; the run waits {AloneLimit.TotalSeconds:F0} s for another one.");
            Timers.StartSingleTimer("alone", new AloneTooLong(), AloneLimit);
            members.Seek(seats);
        }
    }

    private string NothingLeft => $"No process is left that the stages could go on in. {run.LastCheckpointSentence}";

    private string Sentence(string reason, RestorePoint point, IReadOnlyList<Seat> before)
    {
        var moved = seats.Index().Where(seat => before[seat.Index] != seat.Item)
            .Select(seat => $"{workers.NameOf(seat.Index)} is on {members.Place(seat.Item).Node}/{seat.Item.Device} now");
        return string.Join("; ", [$"{reason}: the run goes on after step {point.Step}, from {point.Origin}, in epoch {epoch}", .. moved]) + ".";
    }

    private void Started(StageStarted message)
    {
        if (members.HasNoLines)
        {
            members.All[0].Meet(message.Worker, Sender);
        }

        epochRun!.Take(message);
    }

    void IEpochEvents.Started()
    {
        foreach (var host in members.Leaving)
        {
            host.Tell(new EndStages(epoch), Self);
            members.Remove(host);
        }

        (recovering, takesOver) = (null, false);
        recorder.Began();
        members.Seek(seats);
    }

    void IEpochEvents.Finished(string result)
    {
        recorder.Event("end", $"The run was {result} after step {recorder.LastStep}.", recorder.Final?.Loss);
        run.Meter.WriteTrace();
        outcome.TrySetResult(Summarize(result, null));
    }

    void IEpochEvents.Failed(string sentence) => Fail(sentence);

    void IEpochEvents.Suspended(long step) => Pause();

    void IEpochEvents.SnapshotKept(long step) => members.TellHosts(new ForgetSnapshots(step), Self);

    void IEpochEvents.NotSaved(long step, string problem) => CheckpointCommit.Warn(run, step, problem);

    void IEpochEvents.ShardsSaved(long step, IReadOnlyList<Shard> shards, string? problem) =>
        CheckpointCommit.WriteAsync(run, epoch, step, shards, problem).PipeTo(Self);

    /// <summary>A checkpoint that was complete when its epoch ended is one all the same.</summary>
    private void Written(CheckpointWritten message)
    {
        CheckpointCommit.Record(run, message);
        if (message.Epoch == epoch)
        {
            epochRun?.Written();
        }
    }

    private void Failed(StageFailed message)
    {
        var sentence = $"{Capital(workers.NameOf(message.Worker))} failed while {message.Doing}: {message.Reason}";
        // What happens again at the same place will happen a third time; in one process, where nothing can be lost on its way, the second.
        if (members.HasNoLines || losses.FailsAgain(message.Worker, epochRun!.Step))
        {
            Fail(sentence);
        }
        else
        {
            Recover(sentence);
        }
    }

    private void Lost(RunHost? host, string reason)
    {
        if (host is null)
        {
            return;
        }

        if (ending is not null)
        {
            Ended(host);
            return;
        }

        members.Expel(host);
        var held = string.Join(", ", seats.Index().Where(seat => seat.Item.Host == host.Number).Select(seat => workers.NameOf(seat.Index)));
        var sentence = $"The node {host.Node} was lost{(held.Length > 0 ? $", and with it {held}" : "")}: {reason}";
        if (epochRun is not null && host.HasPart)
        {
            Recover(sentence);
            return;
        }

        recorder.Event("fault", sentence);
        BeginWhenTied();
        SeatWhenPaused();
    }

    /// <summary>Goes on from what is left.</summary>
    private void Recover(string sentence)
    {
        if (outcome.Task.IsCompleted || ending is not null)
        {
            return;
        }

        recorder.Event("fault", sentence);
        if (losses.Count(epochRun!.Step) is { } hopeless)
        {
            Fail($"{hopeless}; the last time: {sentence} {run.LastCheckpointSentence}");
            return;
        }

        recovering = "After a loss";
        Pause();
    }

    private void LoseSilent()
    {
        foreach (var host in members.All.Where(host => host.IsAwaited).ToArray())
        {
            members.Remove(host);
            recorder.Event("fault", $"The node {host.Node} has not ended its stages within {PauseLimit.TotalSeconds:F0} s; the run goes on without it.");
        }

        SeatWhenPaused();
    }

    private void Leaves(RunHost? host)
    {
        if (host is null || host.IsLeaving)
        {
            return;
        }

        host.IsLeaving = true;
        if (members.Offers.All(offer => offer.Devices.Count == 0))
        {
            recorder.Event("warning", $"The node {host.Node} leaves, and no other is there: the run ends after this step.");
            run.IsStopping = true;
            return;
        }

        Move($"The node {host.Node} leaves");
    }

    private void Joined(HostJoined message)
    {
        members.Joined(message);
        if (message.Host is { } host)
        {
            recorder.Event("join", $"The node {host.Node} has joined the run.");
        }
        else if (message.Refusal is { } refusal)
        {
            recorder.Event("warning", refusal);
            members.Seek(seats);
        }
    }

    private void Abandon()
    {
        isAbandoning = true;
        (epochRun is null ? Pause : (Action)epochRun.Suspend)();
    }

    /// <summary>At the end of the step under way, without losing one.</summary>
    private void Move(string reason)
    {
        recovering = reason;
        epochRun?.Suspend();
    }

    /// <summary>Asks the processes only when nothing has been reported for long: a stage inside an operator reads no mailbox, its host does.</summary>
    private void LookForStall()
    {
        if (epochRun is not null && Stopwatch.GetElapsedTime(epochRun.LastReport) > StallWatch.Shortest)
        {
            stallWatch.Begin();
            members.TellHosts(new DescribeStages(), Self);
        }
    }

    private void Described(StagesDescribed message)
    {
        if (stallWatch.Take(message.Workers, run.Meter.TypicalAction) is { } stall)
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

    private void Fail(string sentence)
    {
        // The outcome first: what failed may be the disk that the records go to.
        if (outcome.TrySetResult(Summarize("failed", sentence)))
        {
            (epochRun, epoch) = (null, epoch + 1);   // what the stages still say counts no more
            try
            {
                recorder.Event("fault", sentence);
                run.Meter.WriteTrace();
            }
            catch (IOException)
            {
                // The sentence reaches the user by the outcome; the disk under the records may be what it tells of.
            }
        }
    }

    private RunSummary Summarize(string result, string? failure) =>
        recorder.Summarize(run.Plan, result, failure, timeBefore + Stopwatch.GetElapsedTime(runBegan), run.LastCheckpoint);

    private void End()
    {
        (ending, epochRun) = (Sender, null);
        epoch++;
        members.TellHosts(new EndStages(epoch), Self);
        Ended(null);
    }

    /// <param name="host">One that has ended; null where none has yet.</param>
    private void Ended(RunHost? host)
    {
        if (host is not null)
        {
            members.Remove(host);
        }

        if (ending is not null && members.All.Count == 0)
        {
            ending.Tell(RunEnded.Instance);
        }
    }

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private sealed record PauseLate(long Epoch);

    private sealed record AloneTooLong;
}
