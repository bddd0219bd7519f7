using System.Diagnostics;
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
    /// <summary>For another process, while those that the run has all leave: they have 25 s.</summary>
    private static readonly TimeSpan SearchLimit = TimeSpan.FromSeconds(10);

    private readonly RunState run;
    private readonly RunRecorder recorder;
    private readonly TaskCompletionSource<RunSummary> outcome;
    private readonly RunMembers members;
    private readonly RunEvents events;
    private readonly Losses losses = new();
    private readonly long runBegan = Stopwatch.GetTimestamp();
    private TimeSpan timeBefore;   // under other coordinators
    private IReadOnlyList<Seat> seats = [];
    private EpochPause pause = null!;   // from the start on
    private EpochRun? epochRun;   // null between two
    private long epoch;
    private string? recovering;   // why an epoch begins that is not the first
    private bool takesOver;   // until its first epoch
    private bool hasBegun;
    private bool isAbandoning;
    private IActorRef? ending;

    public CoordinatorActor(RunPlan plan, RunRecorder recorder, RunMembers members, TaskCompletionSource<RunSummary> outcome)
    {
        run = new(plan, recorder);
        this.recorder = recorder;
        this.outcome = outcome;
        this.members = members;
        events = new(run);
        epoch = plan.Resumed?.Epoch ?? 0;

        Receive<StartRun>(Start);
        Receive<HostTied>(Tied);
        Receive<StagesPaused>(message => message.Epoch == epoch, message => Paused(members.Find(message.Host), message.Held));
        Receive<PauseLate>(message => message.Epoch == epoch && epochRun is null, message =>
        {
            pause.Lose(message);
            SeatWhenPaused();
        });
        Receive<AloneTooLong>(_ => Fail(pause.NothingLeft().Message));
        Receive<StageStarted>(IsOfEpoch, Started);
        Receive<StepReady>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<StagesAdapted>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<EvaluationDone>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<ShardSaved>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<SnapshotKept>(IsOfEpoch, message => epochRun!.Take(message));
        Receive<StageFailed>(IsOfEpoch, Failed);
        Receive<LinkLost>(IsOfEpoch, message => Recover(RunEvents.Lost(message)));
        Receive<CheckpointWritten>(message => CheckpointCommit.RecordAsync(run, message).PipeTo(Self));   // also of an epoch that is over
        Receive<CheckpointTidied>(Tidied);
        Receive<FrameRefused>(events.Refused);
        Receive<FaultFired>(events.Injected);
        Receive<StagesDescribed>(events.Described);
        Receive<ClockRead>(run.Meter.Answered);
        Receive<HostLost>(message => Lost(members.Find(message.Host), message.Reason));
        Receive<Terminated>(message => Lost(members.Find(message.ActorRef), "The cluster has removed it."));
        Receive<HostLeaves>(message => Leaves(members.Find(message.Host)));
        Receive<HostJoined>(Joined);
        Receive<NobodyStays>(_ => StopAlone());
        Receive<NodesChanged>(_ => Seek());
        Receive<StopRun>(_ => Stop());
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
        catch (NothingLeftException nothingLeft)
        {
            Fail(nothingLeft.Message);
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
            events.Start();
        }

        foreach (var host in message.Hosts)
        {
            members.Add(host, Context, epoch + 1);
        }

        pause = new(run, members, Timers);
        Timers.StartPeriodicTimer("stall", Coordination.LookForStall.Instance, TimeSpan.FromSeconds(1));
        BeginWhenTied();
    }

    /// <summary>The run's records and checkpoints, and what its processes hold, are all that there is to know.</summary>
    private void TakeOver(TakenOver before)
    {
        (epoch, timeBefore, takesOver, recovering) = (before.Epoch, DateTimeOffset.UtcNow - before.Began, true, before.Reason);
        losses.Reach(recorder.LastStep + 1);   // the step under way had its faults
        foreach (var step in recorder.Steps)
        {
            run.Skipped.Add(step.Step, step.Skipped);
        }

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
        else if (hasBegun && (IsCrowded || members.All.Count == 2 || members.Leaving.Count > 0))   // with a second one there are copies in memory
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
        var stillStarts = epochRun is { HasBegun: false };
        if (epochRun?.Unsaved is { } step)
        {
            CheckpointCommit.Warn(run, step, "its epoch ended before all stages had written their parts.");
        }

        EndEpoch();
        pause.Begin(epoch, stillStarts, Self);
        SeatWhenPaused();
    }

    /// <summary>What the stages still say of it counts no more.</summary>
    private void EndEpoch()
    {
        epochRun?.Close();
        (epochRun, epoch) = (null, epoch + 1);
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
        if (!hasBegun || epochRun is not null || ending is not null || outcome.Task.IsCompleted || pause.End(seats, IsPinned) is not { } chosen)
        {
            return;
        }

        var before = seats;
        seats = chosen;
        var point = RestorePoint.Of(run, members.All, seats);
        recorder.RollBack(point.Step);
        run.Plan.Place([.. seats.Select(seat => members.Place(seat))]);
        run.Meter.Meet([.. seats.Select(seat => seat.Host)]);
        members.ReadClocks(Self);
        if (recovering is { } reason)
        {
            events.Epoch(takesOver ? "takeover" : "recovery", reason, epoch, point, seats.Index().Where(seat => seat.Item != before[seat.Index])
                .Select(seat => (seat.Index, members.Place(seat.Item))));
            (recovering, takesOver) = (null, false);
        }

        epochRun = new(run, epoch, point.Step, message => members.TellAll(seats, message), members.All.Count > 1, this);
        members.TellHosts(new StartStages(
            epoch, point.Step, point.Checkpoint, seats, [.. members.All.Select(host => host.Place)], point.Sources, Self, Faults()), Self);
    }

    /// <summary>Those that are still to happen. A step has its wrong numbers however often it is run, as it has its data.</summary>
    private string[] Faults() => [.. run.Plan.Faults.Where(fault => fault.Step > losses.Reached || fault.Kind == FaultKind.Nan).Select(fault => fault.ToString())];

    /// <summary>The job says where each worker is: none is moved from a place that is there.</summary>
    private bool IsPinned => run.Plan.Job.Parallel.Placement is not null;

    /// <summary>Workers share devices, and would not if there were more.</summary>
    private bool IsCrowded => !IsPinned && Seating.IsCrowded(seats);

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
        foreach (var host in members.Leaving.Where(host => seats.All(seat => seat.Host != host.Number)))
        {
            host.Tell(new EndStages(epoch), Self);
            members.Remove(host);
        }

        recorder.Began();
        Seek();
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

    private void Tidied(CheckpointTidied message)
    {
        foreach (var problem in message.Problems)
        {
            recorder.Event("warning", problem);
        }

        if (message.Epoch == epoch)
        {
            epochRun?.Written();
        }
    }

    private void Seek() => members.Seek(seats, IsPinned);

    private void Failed(StageFailed message)
    {
        // What happens again at the same place may be the device's fault; what happens on another one too is not. In one process nothing is lost on its way.
        var (sentence, times) = (events.Failed(message), losses.Fail(message.Worker, epochRun!.Step));
        if (members.HasNoLines || times > 2 || (times == 2 && !members.Withdraw(seats[message.Worker])))
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
        var sentence = events.Lost(host, seats.Index().Where(seat => seat.Item.Host == host.Number).Select(seat => seat.Index), reason);
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

    private void Leaves(RunHost? host)
    {
        if (host is null || host.IsLeaving)
        {
            return;
        }

        host.IsLeaving = true;
        if (members.AllLeave && members.Seek(seats, IsPinned))
        {
            Timers.StartSingleTimer("leave", new NobodyStays(), SearchLimit);
        }
        else if (members.AllLeave)
        {
            StopAlone();
        }
        else
        {
            Move($"The node {host.Node} leaves");
        }
    }

    /// <summary>No other process has been found that the run could go on in.</summary>
    private void StopAlone()
    {
        if (members.AllLeave && !run.IsStopping)
        {
            recorder.Event("warning", $"The node {members.Leaving[^1].Node} leaves, and no other is there: the run ends after this step.");
            run.IsStopping = true;
        }
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
            Seek();
        }
        else
        {
            StopAlone();
        }
    }

    private void Abandon()
    {
        isAbandoning = true;
        Action leave = epochRun is null ? Pause : epochRun.Suspend;
        leave();
    }

    /// <summary>At the end of the step under way, without losing one.</summary>
    private void Move(string reason)
    {
        recovering = reason;
        epochRun?.Suspend();
    }

    private void Stop()
    {
        run.IsStopping = true;
        if (pause.IsAlone)
        {
            Fail(pause.NothingLeft().Message);   // there is nobody who could write a checkpoint
        }
    }

    /// <summary>Asks the processes only when nothing has been reported for long: a stage inside an operator reads no mailbox, its host does.</summary>
    private void LookForStall()
    {
        if (epochRun is not null && Stopwatch.GetElapsedTime(epochRun.LastReport) > StallWatch.Shortest)
        {
            events.AskStages();
            members.TellHosts(new DescribeStages(), Self);
        }
    }

    private void Fail(string sentence)
    {
        // The outcome first: what failed may be the disk that the records go to.
        if (outcome.TrySetResult(Summarize("failed", sentence)))
        {
            EndEpoch();
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
        ending = Sender;
        EndEpoch();
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
}
