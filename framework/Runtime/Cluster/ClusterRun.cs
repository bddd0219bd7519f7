using System.Security.Cryptography;
using Akka.Actor;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Cluster;

/// <summary>A job on its way through the nodes of a cluster: placed, prepared on every node, then trained. This process is a member too, and
/// has the coordinator and the run's records.</summary>
public sealed class ClusterRun : IDisposable
{
    /// <summary>Nodes of the cluster that offer devices.</summary>
    public const string NodeRole = "node";

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    /// <summary>A node may have much data to read and hash.</summary>
    private static readonly TimeSpan PreparationLimit = TimeSpan.FromMinutes(30);

    private readonly ActorSystem system;
    private readonly TrainingPlan plan;
    private readonly Guid run;
    private readonly IReadOnlyList<HostedWorkers> hosts;

    private readonly SocketPlane plane;

    private ClusterRun(ActorSystem system, SocketPlane plane, TrainingPlan plan, Guid run, IReadOnlyList<HostedWorkers> hosts)
    {
        this.system = system;
        this.plane = plane;
        this.plan = plan;
        this.run = run;
        this.hosts = hosts;
    }

    /// <summary>All nodes of the cluster, once there are as many as expected.</summary>
    /// <param name="expected">At least as many are waited for.</param>
    /// <exception cref="IOException">They do not come, or one does not answer.</exception>
    public static async Task<IReadOnlyList<NodeDescription>> NodesAsync(ActorSystem system, int expected, TimeSpan limit, CancellationToken stop) =>
        [.. Placement.InOrder((await MembersAsync(system, expected, limit, stop)).Values)];

    /// <summary>Chooses where each worker runs and has every node open what it needs.</summary>
    /// <param name="member">This process.</param>
    /// <param name="settings">Its own.</param>
    /// <param name="expected">How many nodes to wait for.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="BadInputException">There is no place for the job, or a node refuses it; the sentence names the node.</exception>
    /// <exception cref="IOException">The nodes do not come, or one does not answer.</exception>
    public static async Task<ClusterRun> PrepareAsync(
        ClusterNode member, ClusterSettings settings, TrainingPlan plan, int expected, TimeSpan limit, CancellationToken stop)
    {
        var system = member.System;
        var members = await MembersAsync(system, expected, limit, stop);
        var (job, workers) = (plan.Job, plan.Stages.Workers);
        var placed = job.Parallel.Placement is { } pinned
            ? Placement.Pinned([.. members.Values], pinned)
            : Placement.Automatic([.. members.Values], job.Device[0], workers);
        CheckSoftware([.. placed.Select(place => place.Node).Distinct()]);
        var run = new Guid(RandomNumberGenerator.GetBytes(16));
        using var probe = new StorageProbe(plan.Directory.Root);
        var preparations = placed.Index().GroupBy(entry => entry.Item.Node, entry => (Worker: entry.Index, entry.Item.Device))
            .Select(group => PrepareAsync(members.First(member => member.Value == group.Key).Key, group.Key, group.ToDictionary(entry => entry.Worker, entry => entry.Device)))
            .ToArray();
        try
        {
            var hosts = await Task.WhenAll(preparations);
            plan.Place(
                [.. placed.Select(place => new WorkerPlace(place.Node.Name, place.Node.Process, place.Device))], placed[0].Node.Software.InstructionSet);
            return new(system, SocketPlane.Listen(settings.Plane(member.Identity)), plan, run, hosts);
        }
        catch
        {
            foreach (var prepared in preparations.Where(task => task.IsCompletedSuccessfully))
            {
                (await prepared).Host.Tell(new Stages.EndStages(0));
            }

            throw;
        }

        async Task<HostedWorkers> PrepareAsync(Address address, NodeDescription node, Dictionary<int, string> devices)
        {
            var message = new PrepareRun(
                run,
                SettingsWriter.Write(job),
                job.Model.Architecture,
                plan.Folder,
                plan.Schedule.Name,
                plan.Schedule.ToCsv(),
                plan.Data.Files,
                plan.Vocabulary,
                ModelHash.Of(plan.Partition.Model),
                plan.Resumed?.Directory,
                probe.Path,
                devices,
                plan.Data.Tokenizer);
            return await AskAsync<IControlMessage>(system, address, message, PreparationLimit, node.Name, stop) switch
            {
                RunPrepared ready => new(ready.Host, node.Name, [.. devices.Keys], ready.Plane),
                RunRefused refused => throw new BadInputException($"The node {node.Name} refuses the run: {refused.Reason}"),
                var other => throw new IOException($"The node {node.Name} answers {other.GetType().Name}."),
            };
        }
    }

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public Task<RunSummary> RunAsync(IRunObserver observer, CancellationToken stop) => TrainingRun.RunAsync(system, plan, hosts, run, plane, observer, stop);

    public void Dispose() => plane.Dispose();

    private static async Task<IReadOnlyDictionary<Address, NodeDescription>> MembersAsync(
        ActorSystem system, int expected, TimeSpan limit, CancellationToken stop)
    {
        var cluster = global::Akka.Cluster.Cluster.Get(system);
        var deadline = DateTimeOffset.UtcNow + limit;
        Address[] Up() => [.. cluster.State.Members.Where(member => member.Status == MemberStatus.Up && member.HasRole(NodeRole)).Select(member => member.Address)];
        while (Up().Length < expected)
        {
            if (DateTimeOffset.UtcNow > deadline)
            {
                throw new IOException($"Only {Up().Length} of {expected} nodes have joined the cluster within {limit.TotalSeconds:F0} s.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
        }

        var nodes = await Task.WhenAll(Up().Select(async address => (
            address, Description: await AskAsync<NodeDescription>(system, address, new DescribeNode(), AnswerLimit, $"{address.Host}:{address.Port}", stop))));
        if (nodes.GroupBy(node => node.Description.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new IOException($"{twice.Count()} nodes have the name {twice.Key}; pipeline.node.name must be different for each.");
        }

        return nodes.ToDictionary(node => node.address, node => node.Description);
    }

    private static async Task<T> AskAsync<T>(ActorSystem system, Address address, object message, TimeSpan limit, string name, CancellationToken stop)
    {
        try
        {
            return await system.ActorSelection(new RootActorPath(address) / "user" / NodeActor.Name).Ask<T>(message, limit, stop);
        }
        catch (AskTimeoutException late)
        {
            throw new IOException($"The node {name} does not answer within {limit.TotalSeconds:F0} s.", late);
        }
    }

    /// <summary>Messages must be understood, and results equal to the last bit.</summary>
    private static void CheckSoftware(IReadOnlyList<NodeDescription> nodes)
    {
        foreach (var node in nodes)
        {
            if (node.Software.DifferenceTo(nodes[0].Software) is { } difference)
            {
                throw new BadInputException($"The node {node.Name} has {difference} as the node {nodes[0].Name} has; all nodes of a run need the same.");
            }
        }

        var own = NodeSoftware.OfThisProcess();
        if (nodes[0].Software.DifferenceTo(own with { LibTorch = nodes[0].Software.LibTorch, InstructionSet = nodes[0].Software.InstructionSet }) is { } other)
        {
            throw new BadInputException($"The node {nodes[0].Name} has {other} as this command has; both must be the same.");
        }
    }
}
