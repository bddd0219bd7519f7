using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Cluster;

/// <summary>The cluster's nodes, as a run sees them: which there are, and how they are asked to take part.</summary>
/// <param name="ownsCluster">The cluster is there for this run alone.</param>
internal sealed class RunNodes(ActorSystem system, RunPlan plan, SubmittedRun submitted, bool ownsCluster) : IRunNodes, IDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    /// <summary>Between two looks whether a node that was asked is still there.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(0.25);

    /// <summary>A node may have much data to read and hash.</summary>
    private static readonly TimeSpan PreparationLimit = TimeSpan.FromMinutes(30);

    private readonly CancellationTokenSource ended = new();
    private readonly HashSet<UniqueAddress> refused = [];   // by the search alone
    private NodeSoftware? software;

    /// <summary>All nodes of a cluster, once there are as many as expected.</summary>
    /// <exception cref="IOException">They do not come, or one does not answer.</exception>
    public static async Task<IReadOnlyDictionary<Member, NodeDescription>> MembersAsync(ActorSystem system, int expected, TimeSpan limit, CancellationToken stop)
    {
        for (var since = Stopwatch.StartNew(); Up(system).Length < expected;)
        {
            if (since.Elapsed > limit)
            {
                throw new IOException($"Only {Up(system).Length} of {expected} nodes have joined the cluster within {limit.TotalSeconds:F0} s.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
        }

        var nodes = await Task.WhenAll(Up(system).Select(async node => (
            node, Description: await AskAsync<NodeDescription>(system, node, new DescribeNode(), AnswerLimit, NameOf(node), stop))));
        if (nodes.GroupBy(node => node.Description.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new IOException($"{twice.Count()} nodes have the name {twice.Key}; pipeline.node.name must be different for each.");
        }

        return nodes.ToDictionary(node => node.node, node => node.Description);
    }

    /// <summary>Has a node open what it needs.</summary>
    /// <param name="number">That it gets in the run.</param>
    /// <param name="devices">By worker; none for a spare.</param>
    /// <exception cref="BadInputException">It refuses; the sentence names it.</exception>
    /// <exception cref="IOException">It has no room, does not answer, or was lost.</exception>
    public async Task<PreparedHost> PrepareAsync(Member member, NodeDescription node, int number, IReadOnlyDictionary<int, string> devices, CancellationToken stop)
    {
        software ??= node.Software;
        using var probe = new StorageProbe(plan.Directory.Root);
        string[] lends = [.. Lent(node)];
        var message = new PrepareRun(submitted, number, probe.Path, devices, lends);
        var asked = AskAsync<IControlMessage>(system, member, message, PreparationLimit, node.Name, CancellationToken.None);
        try
        {
            return await asked.WaitAsync(stop) switch
            {
                RunPrepared ready => new(number, ready.Host, node.Name, node.Process, lends, ready.Plane),
                RunRefused { IsBusy: true } refusal => throw new IOException($"The node {node.Name} cannot take the run now: {refusal.Reason}"),
                RunRefused refusal => throw new BadInputException($"The node {node.Name} refuses the run: {refusal.Reason}"),
                var other => throw new IOException($"The node {node.Name} answers {other.GetType().Name}."),
            };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            _ = asked.ContinueWith(
                late => (late.Result as RunPrepared)?.Host.Tell(new EndStages(0)), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    public void Watch(IActorContext observer)
    {
        var self = observer.Self;
        observer.ActorOf(Props.Create(() => new Watcher(self)));
    }

    public async Task<PreparedHost?> FindAsync(int number, IReadOnlyList<IActorRef> known)
    {
        if (software is null && Up(system).FirstOrDefault(member => known.Any(host => AddressOf(system, host) == member.Address)) is { } one)
        {
            software = (await AskAsync<NodeDescription>(system, one, new DescribeNode(), AnswerLimit, NameOf(one), ended.Token)).Software;   // the run was taken over
        }

        foreach (var member in Up(system).Where(member => !refused.Contains(member.UniqueAddress) && known.All(host => AddressOf(system, host) != member.Address)))
        {
            try
            {
                var node = await AskAsync<NodeDescription>(system, member, new DescribeNode(), AnswerLimit, NameOf(member), ended.Token);
                if (node.Devices.All(device => device.Runs.Count == 0) && Lent(node).Any() && (software is null || node.Software.DifferenceTo(software) is null))
                {
                    return await PrepareAsync(member, node, number, new Dictionary<int, string>(), ended.Token);
                }
            }
            catch (IOException)
            {
                // Another may answer.
            }
            catch (BadInputException)
            {
                refused.Add(member.UniqueAddress);   // and would do so again
                throw;
            }
        }

        return null;
    }

    /// <summary>In the run's own cluster a broken line to a process of this machine says that it is gone, and nothing can join before it is out. Elsewhere the cluster
    /// finds that out itself, for other runs may have to do with the node.</summary>
    public void Expel(IActorRef lost)
    {
        if (ownsCluster)
        {
            global::Akka.Cluster.Cluster.Get(system).Down(AddressOf(system, lost));
        }
    }

    /// <summary>Nobody waits for what is being prepared any more.</summary>
    public void Dispose()
    {
        ended.Cancel();
        ended.Dispose();
    }

    /// <summary>The runs that reachable nodes have a part in, by node.</summary>
    public static async Task<IReadOnlyList<HeldRun>> HeldAsync(ActorSystem system, TimeSpan limit, CancellationToken stop)
    {
        var answers = await Task.WhenAll(Up(system).Select(async member =>
        {
            try
            {
                return (await AskAsync<HeldRuns>(system, member, new ListRuns(), limit, NameOf(member), stop)).Runs;
            }
            catch (IOException)
            {
                return [];   // it is lost too
            }
        }));
        return [.. answers.SelectMany(runs => runs)];
    }

    /// <exception cref="IOException">The node does not answer.</exception>
    public static async Task<IControlMessage> DescribeAsync(ActorSystem system, HeldRun held, TimeSpan limit, CancellationToken stop) =>
        Up(system).FirstOrDefault(member => member.Address == AddressOf(system, held.Host)) is { } holder
            ? await AskAsync<IControlMessage>(system, holder, new DescribeRun(held.Run), limit, held.Node, stop)
            : throw new IOException($"The node {held.Node} was lost.");

    /// <summary>Free devices of the job's kind.</summary>
    private IEnumerable<string> Lent(NodeDescription node) => node.Devices.Where(device => device.Runs.Count == 0).Select(device => device.Name)
        .Where(name => name.Split(':')[0] == plan.Job.Device[0].Split(':')[0]);

    /// <summary>Those that can be reached.</summary>
    private static Member[] Up(ActorSystem system)
    {
        var state = global::Akka.Cluster.Cluster.Get(system).State;
        return [.. state.Members.Except(state.Unreachable).Where(member => member.Status == MemberStatus.Up && member.HasRole(ClusterRun.NodeRole))];
    }

    /// <summary>An actor of this process has none of its own.</summary>
    private static Address AddressOf(ActorSystem system, IActorRef actor) =>
        actor.Path.Address.HasLocalScope ? global::Akka.Cluster.Cluster.Get(system).SelfAddress : actor.Path.Address;

    private static string NameOf(Member member) => $"{member.Address.Host}:{member.Address.Port}";

    private static async Task<T> AskAsync<T>(ActorSystem system, Member member, object message, TimeSpan limit, string name, CancellationToken stop)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var answer = system.ActorSelection(new RootActorPath(member.Address) / "user" / NodeActor.Name).Ask<T>(message, limit, gone.Token);
        try
        {
            while (await Task.WhenAny(answer, Task.Delay(LookInterval, CancellationToken.None)) != answer)
            {
                // One that cannot be reached may come back until the cluster has removed it.
                if (global::Akka.Cluster.Cluster.Get(system).State.Members.All(other => other.UniqueAddress != member.UniqueAddress))
                {
                    await gone.CancelAsync();
                    throw new IOException($"The node {name} was lost.");
                }
            }

            return await answer;
        }
        catch (AskTimeoutException late)
        {
            throw new IOException($"The node {name} does not answer within {limit.TotalSeconds:F0} s.", late);
        }
    }

    /// <summary>Tells when a node has joined, and now and then in between: one that was busy may have become free.</summary>
    private sealed class Watcher : ReceiveActor, IWithTimers
    {
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

        public Watcher(IActorRef observer)
        {
            Receive<ClusterEvent.MemberUp>(_ => observer.Tell(NodesChanged.Instance));
            Receive<NodesChanged>(observer.Tell);
        }

        public ITimerScheduler Timers { get; set; } = null!;

        protected override void PreStart()
        {
            global::Akka.Cluster.Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberUp));
            Timers.StartPeriodicTimer("look", NodesChanged.Instance, Interval);
        }
    }
}
