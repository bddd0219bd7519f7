using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>Has the coordinators of all runs that were submitted to a cluster, and tells terminals of them. There is one, on the cluster's oldest node; where it is lost
/// the next one asks all nodes what runs they have a part in, and takes these over.</summary>
internal sealed class RunsActor : ReceiveActor, IWithTimers, IWithStash
{
    /// <summary>Of the actor that makes it, and of the actor itself below that one.</summary>
    public const string Name = "runs", SingletonName = "singleton";

    /// <summary>Ended ones that can still be asked after.</summary>
    private const int MostEnded = 8;

    private static readonly TimeSpan NodesLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SearchInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SendInterval = TimeSpan.FromMilliseconds(100);

    private readonly ActorSystem system = Context.System;
    private readonly string node;
    private readonly IReadOnlyList<IArchitecture> architectures;
    private readonly SocketPlane plane;
    private readonly List<HostedRun> runs = [];
    private bool isHandingOver;

    /// <param name="node">The name of this process's node.</param>
    /// <param name="plane">Of this process.</param>
    public RunsActor(string node, IReadOnlyList<IArchitecture> architectures, SocketPlane plane)
    {
        this.node = node;
        this.architectures = architectures;
        this.plane = plane;
        Become(Searching);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    public static Props Props(string node, IReadOnlyList<IArchitecture> architectures, SocketPlane plane) =>
        Akka.Actor.Props.Create(() => new RunsActor(node, architectures, plane));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("send", SendSteps.Instance, SendInterval);
        Search();
    }

    protected override void PostStop() => runs.ForEach(run => run.Abandon.Cancel());

    private void Search() =>
        FoundRun.AllAsync(system, CancellationToken.None).PipeTo(Self, success: found => new Found(found), failure: _ => new Found(null));

    private void Searching()
    {
        Receive<Found>(message => message.Runs is null, _ => Timers.StartSingleTimer("search", SearchAgain.Instance, SearchInterval));
        Receive<SearchAgain>(_ => Search());
        Receive<Found>(message =>
        {
            foreach (var found in message.Runs!)
            {
                TakeOver(found);
            }

            Become(Serving);
            Stash.UnstashAll();
        });
        Receive<HandOver>(_ => Context.Stop(Self));
        Receive<SendSteps>(_ => { });
        ReceiveAny(_ => Stash.Stash());
    }

    private void Serving()
    {
        Receive<SubmitRun>(Submit);
        Receive<AttachRun>(Attach);
        Receive<StopSubmitted>(message => runs.Find(run => run.Id == message.Run && !run.IsSettled)?.Stop.Cancel());
        Receive<Known>(message =>
        {
            foreach (var step in message.Steps)
            {
                message.Run.Add(step, isNew: false);
            }
        });
        Receive<Stepped>(message => message.Run.Add(message.Metrics));
        Receive<Began>(Begin);
        Receive<Happened>(Tell);
        Receive<SendSteps>(_ => runs.ForEach(run => run.SendSteps()));
        Receive<Ended>(End);
        Receive<Terminated>(terminal => runs.ForEach(run => run.Terminals.Remove(terminal.ActorRef)));
        Receive<HandOver>(_ => Leave());
    }

    private void Submit(SubmitRun message)
    {
        if (isHandingOver)
        {
            return;   // the next one will have it
        }

        if (runs.Find(known => known.Id == message.Run.Run) is not { } run)
        {
            run = new(message.Run);
            runs.Add(run);
            Start(run, () => PrepareAsync(run, message));
        }

        Show(run);
    }

    private void TakeOver(FoundRun found)
    {
        var run = new HostedRun(found.Submitted);
        runs.Add(run);
        var self = Self;
        Start(run, () =>
        {
            var plan = found.Submitted.Open(architectures);
            self.Tell(new Known(run, [.. RunRecorder.Read(plan.Directory.Metrics).TakeLast(HostedRun.MostRecent)]));
            return Task.FromResult(ClusterRun.TakeOver(system, plane, node, plan, found));
        });
    }

    /// <summary>Beside the mailbox, until the run has ended or is left.</summary>
    private void Start(HostedRun run, Func<Task<ClusterRun>> prepare)
    {
        var self = Self;
        Task.Run(async () =>
        {
            using var prepared = await prepare();
            return await prepared.RunAsync(new Observer(self, run, prepared.Plan), run.Stop.Token, run.Abandon.Token);
        }).PipeTo(self, success: summary => new Ended(run, summary, null), failure: failure => new Ended(run, null, failure));
    }

    private async Task<ClusterRun> PrepareAsync(HostedRun run, SubmitRun message)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(run.Stop.Token, run.Abandon.Token);
        var plan = message.Run.Open(architectures);
        return File.Exists(message.Probe)
            ? await ClusterRun.PrepareAsync(system, plane, node, plan, message.Run, message.Software, message.Nodes, NodesLimit, either.Token)
            : throw new BadInputException(
                $"job.directory: {plan.Directory.Root} is not the same folder on node {node}, which keeps the run's records; it must lie on storage that all nodes reach.");
    }

    private void Attach(AttachRun message)
    {
        var going = runs.FindAll(run => run.End is null);
        var found = message.Run is { } id
            ? runs.FindAll(run => run.Id == id)
            : message.Name is null ? going : Named(going, message) is [_, ..] some ? some
            : [.. Named(runs.FindAll(run => run.Places is not null || run.End is RunOver), message).TakeLast(1)];   // what was refused has never been one
        if (found is [var run])
        {
            Show(run);
        }
        else if (!isHandingOver)
        {
            Sender.Tell(new RunUnknown(Sentence(message.Name, found, going)));
        }
    }

    private static List<HostedRun> Named(List<HostedRun> among, AttachRun message) =>
        among.FindAll(run => run.Name == message.Name || run.Submitted.Directory == message.Directory);

    private static string Sentence(string? name, List<HostedRun> found, List<HostedRun> going)
    {
        var list = string.Join(", ", going.Select(run => $"{run.Name} ({run.Submitted.Directory})"));
        return found.Count > 1 ? $"Several runs go on; give the name or the directory of one: {list}."
            : going.Count > 0 ? $"No run {name} goes on in the cluster; there are {list}."
            : $"No run{(name is null ? "" : $" {name}")} goes on in the cluster.";
    }

    /// <summary>Tells the sender of a run, from now on.</summary>
    private void Show(HostedRun run)
    {
        if (run.End is { } end)
        {
            Sender.Tell(end);
        }
        else if (run.Terminals.Add(Sender) && run.Places is not null)
        {
            run.SendSteps();
            Context.Watch(Sender);
            Sender.Tell(Shown(run));
        }
        else
        {
            Context.Watch(Sender);
            Sender.Tell(new RunWaits(run.Id));
        }
    }

    private RunShown Shown(HostedRun run) => new(run.Submitted, run.Places!, node, run.Recent);

    /// <summary>Before its first epoch nobody could take the run over, so nobody is told that it has begun.</summary>
    private void Begin(Began message)
    {
        var (run, places) = message;
        if (run.Places is not null)
        {
            return;
        }

        run.Places = places;
        run.Tell(Shown(run));
        run.Early.ForEach(run.Tell);
        run.Early.Clear();
    }

    private void Tell(Happened message)
    {
        var (run, happened, places) = message;
        var told = new RunHappening(run.Id, happened, places);
        if (run.Places is null)
        {
            run.Early.Add(told);
            return;
        }

        run.SendSteps();
        run.Places = places;
        run.Tell(told);
    }

    private void End(Ended message)
    {
        var (run, summary, failure) = message;
        run.IsSettled = true;
        run.SendSteps();
        if (summary is not null)
        {
            run.End = new RunOver(run.Id, summary);
            run.Tell(run.End);
        }
        else if (failure is RunTakenOverException || run.Abandon.IsCancellationRequested)
        {
            runs.Remove(run);   // another one has it
        }
        else
        {
            run.End = new RunFailed(
                run.Id,
                failure is OperationCanceledException ? null : failure is BadInputException ? failure.Message : FailureSentence.Of(failure!),
                failure is BadInputException);
            run.Tell(run.End);
        }

        if (runs.FindAll(one => one.End is not null) is { Count: > MostEnded } ended)
        {
            runs.Remove(ended[0]);
        }

        if (isHandingOver)
        {
            Leave();
        }
    }

    /// <summary>This node leaves: its runs stay as they are, for the next coordinator.</summary>
    private void Leave()
    {
        isHandingOver = true;
        runs.ForEach(run => run.Abandon.Cancel());
        if (runs.TrueForAll(run => run.IsSettled))
        {
            Context.Stop(Self);
        }
    }

    /// <summary>To the actor: this node leaves the cluster.</summary>
    internal sealed class HandOver
    {
        public static readonly HandOver Instance = new();
    }

    private sealed class SendSteps
    {
        public static readonly SendSteps Instance = new();
    }

    private sealed class SearchAgain
    {
        public static readonly SearchAgain Instance = new();
    }

    /// <param name="Runs">Null where the search failed.</param>
    private sealed record Found(IReadOnlyList<FoundRun>? Runs);

    private sealed record Known(HostedRun Run, IReadOnlyList<StepMetrics> Steps);

    private sealed record Stepped(HostedRun Run, StepMetrics Metrics);

    private sealed record Began(HostedRun Run, IReadOnlyList<WorkerPlace> Places);

    private sealed record Happened(HostedRun Run, RunEvent Event, IReadOnlyList<WorkerPlace> Places);

    /// <param name="Summary">Null where there is a failure.</param>
    private sealed record Ended(HostedRun Run, RunSummary? Summary, Exception? Failure);

    /// <summary>On the coordinator's thread.</summary>
    private sealed class Observer(IActorRef runs, HostedRun run, RunPlan plan) : IRunObserver
    {
        public void Step(StepMetrics metrics) => runs.Tell(new Stepped(run, metrics));

        public void Began() => runs.Tell(new Began(run, plan.Places));

        public void Event(RunEvent happened) => runs.Tell(new Happened(run, happened, plan.Places));
    }
}
