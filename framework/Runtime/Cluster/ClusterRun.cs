using System.Security.Cryptography;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Cluster;

/// <summary>A job on its way through the nodes of a cluster: placed, prepared on every node, then trained. This process is a member too, and
/// has the coordinator.</summary>
public sealed class ClusterRun : IDisposable
{
    /// <summary>Nodes of the cluster that offer devices.</summary>
    public const string NodeRole = "node";

    private readonly ActorSystem system;
    private readonly StartRun start;
    private readonly RunMembers members;
    private readonly RunNodes nodes;
    private SocketPlane? own;

    private ClusterRun(ActorSystem system, RunPlan plan, StartRun start, RunMembers members, RunNodes nodes)
    {
        this.system = system;
        this.start = start;
        this.members = members;
        this.nodes = nodes;
        Plan = plan;
    }

    internal RunPlan Plan { get; }

    /// <summary>All nodes of the cluster, once there are as many as expected.</summary>
    /// <param name="expected">At least as many are waited for.</param>
    /// <exception cref="IOException">They do not come, or one does not answer.</exception>
    public static async Task<IReadOnlyList<NodeDescription>> NodesAsync(ActorSystem system, int expected, TimeSpan limit, CancellationToken stop) =>
        [.. Placement.InOrder((await RunNodes.MembersAsync(system, expected, limit, stop)).Values)];

    /// <summary>Chooses where each worker runs and has every node open what it needs. This process has the coordinator.</summary>
    /// <param name="settings">Of this process.</param>
    /// <param name="expected">How many nodes to wait for.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="BadInputException">There is no place for the job, or a node refuses it; the sentence names the node.</exception>
    /// <exception cref="IOException">The nodes do not come, or one does not answer.</exception>
    public static async Task<ClusterRun> PrepareAsync(
        ClusterNode member, ClusterSettings settings, RunPlan plan, int expected, TimeSpan limit, CancellationToken stop)
    {
        var plane = SocketPlane.Listen(settings.Plane(member.Identity));
        try
        {
            var run = await PrepareAsync(
                member.System, plane, "", plan, SubmittedRun.Of(NewSecret(), plan), NodeSoftware.OfThisProcess(), expected, limit, stop);
            run.own = plane;
            return run;
        }
        catch
        {
            plane.Dispose();
            throw;
        }
    }

    internal static Guid NewSecret() => new(RandomNumberGenerator.GetBytes(16));

    /// <param name="name">Of the coordinator's node; empty in a cluster that is there for this run alone.</param>
    /// <param name="software">Of the process that has submitted the run.</param>
    internal static async Task<ClusterRun> PrepareAsync(
        ActorSystem system,
        SocketPlane plane,
        string name,
        RunPlan plan,
        SubmittedRun submitted,
        NodeSoftware software,
        int expected,
        TimeSpan limit,
        CancellationToken stop)
    {
        var found = await RunNodes.MembersAsync(system, expected, limit, stop);
        var (job, workers) = (plan.Job, plan.Stages.Workers);
        var placed = job.Parallel.Placement is { } pinned
            ? Placement.Pinned([.. found.Values], pinned)
            : Placement.Automatic([.. found.Values], job.Device[0], workers);
        NodeDescription[] chosen = [.. placed.Select(place => place.Node).Distinct()];
        CheckSoftware(chosen, software);
        var nodes = new RunNodes(system, plan, submitted, ownsCluster: name.Length == 0);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var preparations = chosen.Index().Select(entry => nodes.PrepareAsync(
            found.First(other => other.Value == entry.Item).Key,
            entry.Item,
            entry.Index,
            placed.Index().Where(place => place.Item.Node == entry.Item).ToDictionary(place => place.Index, place => place.Item.Device),
            giveUp.Token)).ToArray();
        try
        {
            await foreach (var prepared in Task.WhenEach(preparations))
            {
                await prepared;   // where one refuses the others need not be waited for
            }

            var hosts = await Task.WhenAll(preparations);
            plan.Place(
                [.. placed.Select(place => new WorkerPlace(place.Node.Name, place.Node.Process, place.Device))], placed[0].Node.Software.InstructionSet);
            var seats = placed.Select(place => new Seat(Array.IndexOf(chosen, place.Node), place.Device)).ToArray();
            return new(system, plan, new(hosts, seats), new(submitted.Run, plane, nodes, job.Recovery.Spares, name), nodes);
        }
        catch
        {
            await giveUp.CancelAsync();
            await Task.WhenAll(preparations).ContinueWith(_ => { }, TaskScheduler.Default);
            foreach (var prepared in preparations.Where(task => task.IsCompletedSuccessfully))
            {
                (await prepared).Host.Tell(new EndStages(0));
            }

            throw;
        }
    }

    /// <summary>A run that another coordinator had, with what is left of its processes.</summary>
    /// <param name="name">Of this node.</param>
    internal static ClusterRun TakeOver(ActorSystem system, SocketPlane plane, string name, RunPlan plan, FoundRun found)
    {
        var nodes = new RunNodes(system, plan, found.Submitted, ownsCluster: false);
        var places = found.Seats.Select(seat => found.Hosts.FirstOrDefault(host => host.Number == seat.Host) is { } host
            ? new WorkerPlace(host.Node, host.Process, seat.Device)
            : new("?", 0, seat.Device));
        plan.Place([.. places]);
        plan.InstructionSet = NodeSoftware.OfThisProcess().InstructionSet;
        return new(
            system,
            plan,
            new(found.Hosts, found.Seats, new(found.Epoch, found.Submitted.Time, $"The coordinator has moved from node {found.Node} to node {name}")),
            new(found.Submitted.Run, plane, nodes, plan.Job.Recovery.Spares, name, found.FirstNumber),
            nodes);
    }

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public Task<RunSummary> RunAsync(IRunObserver observer, CancellationToken stop) => RunAsync(observer, stop, default);

    /// <param name="abandon">Leaves the run to another coordinator, behind the step under way.</param>
    internal Task<RunSummary> RunAsync(IRunObserver observer, CancellationToken stop, CancellationToken abandon) =>
        TrainingRun.RunAsync(system, Plan, start, members, observer, stop, abandon);

    public void Dispose()
    {
        nodes.Dispose();
        own?.Dispose();
    }

    /// <summary>Messages must be understood, and results equal to the last bit.</summary>
    private static void CheckSoftware(IReadOnlyList<NodeDescription> nodes, NodeSoftware submitter)
    {
        foreach (var node in nodes)
        {
            if (node.Software.DifferenceTo(nodes[0].Software) is { } difference)
            {
                throw new BadInputException($"The node {node.Name} has {difference} as the node {nodes[0].Name} has; all nodes of a run need the same.");
            }
        }

        foreach (var (own, who) in new[] { (submitter, "this command"), (NodeSoftware.OfThisProcess(), "the coordinator's node") })
        {
            if (nodes[0].Software.DifferenceTo(own with { LibTorch = nodes[0].Software.LibTorch, InstructionSet = nodes[0].Software.InstructionSet }) is { } other)
            {
                throw new BadInputException($"The node {nodes[0].Name} has {other} as {who} has; both must be the same.");
            }
        }
    }
}
