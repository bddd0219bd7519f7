using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>A terminal's tie to one run: asks whoever has the coordinators of the cluster, again and again, for that may move.</summary>
internal sealed class RunClientActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);

    /// <summary>A healthy coordinator's node answers within a fraction of it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Another node has the coordinators long before.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly RunRequest request;
    private readonly IReadOnlyList<IArchitecture> architectures;
    private readonly IRunScreen screen;
    private readonly TaskCompletionSource<RunSummary?> outcome;
    private readonly TimeSpan limit;
    private Address? asked;   // who has the coordinators as far as is known here: what a replaced one still says does not count
    private IActorRef source = ActorRefs.Nobody;   // of the newest picture
    private string? node;
    private long heard = Stopwatch.GetTimestamp();
    private bool isMissed;
    private bool hasAnswered;
    private bool isStopping;

    /// <param name="limit">To go without an answer; one minute where it is null.</param>
    public RunClientActor(
        RunRequest request, IReadOnlyList<IArchitecture> architectures, IRunScreen screen, TaskCompletionSource<RunSummary?> outcome, TimeSpan? limit = null)
    {
        this.limit = limit ?? Limit;
        this.request = request;
        this.architectures = architectures;
        this.screen = screen;
        this.outcome = outcome;
        Receive<Look>(_ => Ask());
        Receive<Stop>(_ =>
        {
            isStopping = true;
            Ask();
        });
        Receive<RunShown>(_ => IsAsked, message => Heard(() => Show(message)));
        Receive<RunWaits>(_ => IsAsked, message => Heard(() => Wait(message)));
        Receive<RunSteps>(message => Sender.Equals(source), message =>
        {
            foreach (var step in message.Steps)
            {
                screen.Step(step);
            }
        });
        Receive<RunHappening>(message => Sender.Equals(source), message =>
        {
            request.Plan?.Place(message.Places);
            screen.Event(message.Happened);
        });
        Receive<RunOver>(_ => IsAsked || Sender.Equals(source), message => outcome.TrySetResult(message.Summary));
        Receive<RunFailed>(_ => IsAsked || Sender.Equals(source), message => outcome.TrySetException(
            message.Reason is null ? new RunStoppedException()
            : message.IsBadInput ? new BadInputException(message.Reason)
            : new IOException(message.Reason)));
        Receive<RunUnknown>(_ => IsAsked, message => Heard(() => Unknown(message)));
        Receive<NodeDescription>(_ => IsAsked, Compare);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(
        RunRequest request, IReadOnlyList<IArchitecture> architectures, IRunScreen screen, TaskCompletionSource<RunSummary?> outcome, TimeSpan? limit = null) =>
        Akka.Actor.Props.Create(() => new RunClientActor(request, architectures, screen, outcome, limit));

    private bool IsAsked => Sender.Path.Address == asked;

    protected override void PreStart() => Timers.StartPeriodicTimer("look", Look.Instance, TimeSpan.Zero, Interval);

    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            outcome.TrySetException(failure);
            return true;
        }
    }

    private void Ask()
    {
        var members = Akka.Cluster.Cluster.Get(Context.System).State.Members;
        request.Members = [.. members.Where(member => member.HasRole(ClusterRun.NodeRole)).Select(member => $"{member.Address.Host}:{member.Address.Port}")];
        // As Akka's cluster singleton has it: the oldest one with the role.
        var oldest = members.Where(member => member.HasRole(ClusterNode.CoordinatorRole) && member.Status is MemberStatus.Up or MemberStatus.Leaving)
            .Aggregate((Member?)null, (one, other) => one is not null && one.IsOlderThan(other) ? one : other);
        if (oldest is null)
        {
            if (Stopwatch.GetElapsedTime(heard) > Patience)
            {
                outcome.TrySetException(new IOException("No node of the cluster can have the run's coordinator; start one with pipeline node."));
            }

            return;
        }

        if (!oldest.HasRole(ClusterRun.NodeRole))
        {
            outcome.TrySetException(new BadInputException("The cluster is that of one pipeline train --processes, which shows its run itself and takes no others."));
            return;
        }

        asked = oldest.Address;
        LookForSilence();
        if (!hasAnswered)
        {
            Context.ActorSelection(new RootActorPath(asked) / "user" / NodeActor.Name).Tell(new DescribeNode());
        }

        Tell(new AttachRun(request.Run, request.Name, request.Name is { Length: > 0 } name ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(name)) : null));
        if (isStopping && request.Run is { } run)
        {
            Tell(new StopSubmitted(run));
        }
    }

    private void Tell(IControlMessage message) =>
        Context.ActorSelection(new RootActorPath(asked!) / "user" / RunsActor.Name / RunsActor.SingletonName).Tell(message);

    private void LookForSilence()
    {
        var silence = Stopwatch.GetElapsedTime(heard);
        if (silence > limit)
        {
            outcome.TrySetException(new IOException(
                $"The node {asked!.Host}:{asked.Port}, which has the cluster's runs, has not answered for {limit.TotalSeconds:F0} s"
                + $"{(request.Node is null ? "" : ", and the run may go on")}."));
        }
        else if (!isMissed && silence > Patience)
        {
            isMissed = true;
            screen.Say(request.Node is null
                ? $"The node {asked!.Host}:{asked.Port}, which has the cluster's runs, does not answer yet."
                : "The run's coordinator is not heard of; looking for it.");
        }
    }

    private void Compare(NodeDescription node)
    {
        if (node.Software.DifferenceOfMessages() is { } difference)
        {
            outcome.TrySetException(new BadInputException($"The node {node.Name} has {difference} as this command has; both must be the same."));
        }
    }

    private void Heard(Action then)
    {
        (heard, isMissed, hasAnswered) = (Stopwatch.GetTimestamp(), false, true);
        then();
    }

    private void Wait(RunWaits message)
    {
        if (request.Node is null && request.Submission is null && request.Run is null)
        {
            screen.Say("The run has not begun yet.");
        }

        request.Run ??= message.Run;
        StopIfAsked();
    }

    /// <summary>As soon as it is known which run it is.</summary>
    private void StopIfAsked()
    {
        if (request.Stops && !isStopping)
        {
            isStopping = true;
            Ask();
        }
    }

    private void Show(RunShown message)
    {
        if (node is not null && !Sender.Equals(source))
        {
            screen.Say($"The run was found again: its coordinator is on node {message.Node} now.");
        }

        (source, node, request.Node, request.Run, request.Submits) = (Sender, message.Node, message.Node, message.Run.Run, false);
        request.Probe?.Dispose();
        request.Plan ??= message.Run.Open(architectures);
        request.Plan.Place(message.Places);
        if (request.Detaches)
        {
            outcome.TrySetResult(null);
        }

        screen.Show(request.Plan, message.Recent);
        StopIfAsked();
    }

    private void Unknown(RunUnknown message)
    {
        if (request.Submits && isStopping)
        {
            outcome.TrySetException(new RunStoppedException());
        }
        else if (request.Submits)
        {
            Tell(request.Submission!);   // again where a coordinator was lost with it before it had begun
        }
        else if (request.Plan is not { } plan || request.Node is null)
        {
            outcome.TrySetException(new BadInputException(message.Sentence));
        }
        else
        {
            outcome.TrySetException(new IOException(
                $"The run is lost: its coordinator is gone, and so are all its processes. pipeline train --resume goes on from the last checkpoint in {plan.Directory.Checkpoints}."));
        }
    }

    /// <summary>To the actor: ask for a clean end.</summary>
    internal sealed class Stop
    {
        public static readonly Stop Instance = new();
    }

    private sealed class Look
    {
        public static readonly Look Instance = new();
    }
}
