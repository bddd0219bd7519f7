using System.Collections.Concurrent;
using System.Diagnostics;
using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Coordination;

/// <summary>A process's part in a run, through all its epochs: has the line to the coordinator, keeps snapshots, and starts and ends the stages of an epoch as it
/// is told. When the coordinator is gone it ends the stages and waits a while for another one.</summary>
internal sealed class RunHostActor : ReceiveActor
{
    /// <summary>Whoever had this made and is not heard of must not keep the devices; another coordinator is there sooner.</summary>
    private static readonly TimeSpan LonelyLimit = TimeSpan.FromMinutes(2);

    private readonly RunHostSetup setup;
    private readonly SnapshotStore snapshots = new();
    private readonly ConcurrentDictionary<int, IActorRef> workers = [];   // those of the epoch; read by the line's thread
    private volatile Tied? line;
    private IActorRef coordinator = ActorRefs.Nobody;   // where there is no line
    private IActorRef? stages;   // of the epoch
    private StartStages? begun;   // the newest epoch that has begun here
    private (long Epoch, string Node) met = (0, "");   // the newest coordinator
    private long epoch;
    private bool isPausing;
    private bool isLeaving;
    private Action stopAwaiting = () => { };
    private IControlMessage? unsaid;   // the answer to what came over a line before the word that it is there
    private IActorRef? ending;

    public RunHostActor(RunHostSetup setup)
    {
        this.setup = setup;
        Context.SetReceiveTimeout(LonelyLimit);
        Receive<ReceiveTimeout>(_ => Context.Stop(Self));
        Receive<MeetCoordinator>(message => message.Epoch > Math.Max(met.Epoch, epoch), Meet);
        Receive<DescribeHost>(_ => Sender.Tell(new HostDescription(
            Math.Max(met.Epoch, epoch), begun?.Seats ?? [], begun?.Hosts.Max(host => host.Number) ?? setup.Number, met.Node)));
        Receive<Tied>(message =>
        {
            Context.SetReceiveTimeout(null);
            line = message;
            if (unsaid is { } answer)
            {
                unsaid = null;
                Tell(answer);
            }
        });
        Receive<CoordinatorLost>(message => ReferenceEquals(message.Line, line?.Line), _ => Lose());
        Receive<PauseStages>(Pause);
        Receive<StartStages>(Open);
        Receive<Opened>(message => message.Start.Epoch == epoch && !isPausing && ending is null, Start);
        Receive<ForgetSnapshots>(message => snapshots.ForgetBefore(message.Before));
        Receive<DescribeStages>(message => stages?.Tell(message));
        Receive<StagesDescribed>(Tell);
        Receive<ReadClock>(message => Tell(new ClockRead(message.Host, message.AskedAt, Stopwatch.GetTimestamp())));
        Receive<LeaveRun>(_ => Leave());
        Receive<EndStages>(End);
        Receive<StagesEnded>(_ => { });   // the stages' actor ends with it
        Receive<Terminated>(_ => Ended());
        ReceiveAny(_ => { });   // of an older epoch
    }

    public static Props Props(RunHostSetup setup) =>
        Akka.Actor.Props.Create(() => new RunHostActor(setup)).WithDispatcher("coordinator-dispatcher");

    /// <summary>A restart would come back with fresh weights.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PostStop()
    {
        stopAwaiting();
        line?.Link.Dispose();
        snapshots.Close();
    }

    private void Meet(MeetCoordinator message)
    {
        line?.Link.Abandon();
        (line, unsaid) = (null, null);
        stopAwaiting();
        var awaiting = new CancellationTokenSource();
        stopAwaiting = awaiting.Cancel;
        Context.SetReceiveTimeout(LonelyLimit);   // it may be gone before it has come
        met = (message.Epoch, message.Node);
        var self = Self;
        ControlLine? made = null;
        made = new(
            new((ExtendedActorSystem)Context.System),
            (worker, order) =>
            {
                var target = worker is { } number ? workers.GetValueOrDefault(number, ActorRefs.Nobody) : self;
                target.Tell(order);
            },
            _ => self.Tell(new CoordinatorLost(made!)));
        setup.Plane!.AcceptAsync(
            new(setup.Run, message.Epoch, LinkName.Coordinator, LinkName.OfHost(setup.Number)), made, awaiting.Token).PipeTo(
            self,
            success: link => new Tied(made, link),
            failure: _ => new CoordinatorLost(made));
    }

    /// <summary>What goes on here could not be committed any more.</summary>
    private void Lose()
    {
        line = null;
        if (isLeaving)
        {
            End(new(long.MaxValue));
            return;
        }

        Context.SetReceiveTimeout(LonelyLimit);
        stages?.Tell(new EndStages(long.MaxValue));
    }

    private void Pause(PauseStages message)
    {
        if (message.Epoch <= epoch)
        {
            return;
        }

        Context.SetReceiveTimeout(null);
        (epoch, isPausing, coordinator) = (message.Epoch, true, Sender);
        if (stages is null)
        {
            Ended();
        }
        else
        {
            stages.Tell(new EndStages(epoch));
        }
    }

    private void Open(StartStages message)
    {
        if (message.Epoch < epoch || isPausing || stages is not null)
        {
            return;   // the coordinator has thought better of it, or is not ours any more
        }

        (epoch, coordinator, begun) = (message.Epoch, message.Coordinator, message);
        snapshots.ForgetAfter(message.Step);
        int[] here = [.. message.Seats.Index().Where(seat => seat.Item.Host == setup.Number).Select(seat => seat.Index)];
        var self = Self;
        Task.Run(() => setup.Plan(here, message.Step, message.Checkpoint)).PipeTo(
            self,
            success: plan => new Opened(message, plan, null),
            failure: failure => new Opened(message, null, FailureSentence.Of(failure)));
    }

    private void Start(Opened message)
    {
        var (start, plan, problem) = message;
        var devices = start.Seats.Index().Where(seat => seat.Item.Host == setup.Number).ToDictionary(seat => seat.Index, seat => seat.Item.Device);
        if (plan is null)
        {
            Tell(new StageFailed(epoch, devices.Keys.FirstOrDefault(), "starting", problem!));
            return;
        }

        setup.Seated(devices);
        var process = setup.Plane is { } plane ? new RunProcess(setup.Number, setup.Run, plane, snapshots, workers, Report) : null;
        stages = Context.Watch(Context.ActorOf(StageHostActor.Props(new(
            plan, devices.ToDictionary(entry => entry.Key, entry => new Device(entry.Value)), setup.CreateExecutor, process))));
        stages.Tell(start);
    }

    private void Ended()
    {
        stages = null;
        workers.Clear();
        if (ending is not null)
        {
            ending.Tell(new StagesEnded());
            Context.Stop(Self);
        }
        else if (isPausing)
        {
            isPausing = false;
            Tell(new StagesPaused(epoch, setup.Number, snapshots.Held));
        }
    }

    /// <summary>Where nobody can take the workers over there is nothing to wait for.</summary>
    private void Leave()
    {
        isLeaving = true;
        if (line is null)
        {
            End(new(long.MaxValue));
        }
        else
        {
            Tell(new HostLeaves(setup.Number));
        }
    }

    private void End(EndStages message)
    {
        ending = Sender;
        epoch = Math.Max(epoch, message.Epoch);
        if (stages is null)
        {
            Ended();
        }
        else
        {
            stages.Tell(message);
        }
    }

    private void Tell(IControlMessage message)
    {
        if (setup.Plane is null)
        {
            coordinator.Tell(message);
        }
        else if (line is { } tied)
        {
            tied.Line.Send(tied.Link, null, message);
        }
        else
        {
            unsaid = message;
        }
    }

    /// <summary>From any thread.</summary>
    private void Report(int worker, IControlMessage message)
    {
        if (line is { } tied)
        {
            tied.Line.Send(tied.Link, worker, message);
        }
    }

    private sealed record Tied(ControlLine Line, ITensorLink Link);

    private sealed record CoordinatorLost(ControlLine Line);

    /// <param name="Plan">Null where there is a problem.</param>
    private sealed record Opened(StartStages Start, StagePlan? Plan, string? Problem);
}

/// <summary>From the process itself: it is to end, and its part of the run is to go on elsewhere first.</summary>
internal sealed record LeaveRun;
