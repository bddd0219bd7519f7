using System.Security.Cryptography;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Cluster;

/// <summary>A job on its way through the nodes of a cluster: placed, prepared on every node, then trained. This process is a member too, and
/// has the coordinator and the run's records.</summary>
public sealed class ClusterRun : IDisposable
{
    /// <summary>Nodes of the cluster that offer devices.</summary>
    public const string NodeRole = "node";

    private readonly ActorSystem system;
    private readonly TrainingPlan plan;
    private readonly StartRun start;
    private readonly RunMembers members;
    private readonly RunNodes nodes;
    private readonly SocketPlane plane;

    private ClusterRun(ActorSystem system, SocketPlane plane, TrainingPlan plan, RunNodes nodes, Guid run, StartRun start)
    {
        this.system = system;
        this.plane = plane;
        this.plan = plan;
        this.nodes = nodes;
        this.start = start;
        members = new(run, plane, nodes, plan.Job.Recovery.Spares);
    }

    /// <summary>All nodes of the cluster, once there are as many as expected.</summary>
    /// <param name="expected">At least as many are waited for.</param>
    /// <exception cref="IOException">They do not come, or one does not answer.</exception>
    public static async Task<IReadOnlyList<NodeDescription>> NodesAsync(ActorSystem system, int expected, TimeSpan limit, CancellationToken stop) =>
        [.. Placement.InOrder((await RunNodes.MembersAsync(system, expected, limit, stop)).Values)];

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
        var found = await RunNodes.MembersAsync(system, expected, limit, stop);
        var (job, workers) = (plan.Job, plan.Stages.Workers);
        var placed = job.Parallel.Placement is { } pinned
            ? Placement.Pinned([.. found.Values], pinned)
            : Placement.Automatic([.. found.Values], job.Device[0], workers);
        NodeDescription[] chosen = [.. placed.Select(place => place.Node).Distinct()];
        CheckSoftware(chosen);
        var run = new Guid(RandomNumberGenerator.GetBytes(16));
        var nodes = new RunNodes(system, plan, run, settings.IsOfOneRun);
        var preparations = chosen.Index().Select(entry => nodes.PrepareAsync(
            found.First(other => other.Value == entry.Item).Key,
            entry.Item,
            entry.Index,
            placed.Index().Where(place => place.Item.Node == entry.Item).ToDictionary(place => place.Index, place => place.Item.Device),
            stop)).ToArray();
        try
        {
            var hosts = await Task.WhenAll(preparations);
            plan.Place(
                [.. placed.Select(place => new WorkerPlace(place.Node.Name, place.Node.Process, place.Device))], placed[0].Node.Software.InstructionSet);
            var seats = placed.Select(place => new Seat(Array.IndexOf(chosen, place.Node), place.Device)).ToArray();
            return new(system, SocketPlane.Listen(settings.Plane(member.Identity)), plan, nodes, run, new(hosts, seats));
        }
        catch
        {
            foreach (var prepared in preparations.Where(task => task.IsCompletedSuccessfully))
            {
                (await prepared).Host.Tell(new EndStages(0));
            }

            throw;
        }
    }

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public Task<RunSummary> RunAsync(IRunObserver observer, CancellationToken stop) => TrainingRun.RunAsync(system, plan, start, members, observer, stop);

    public void Dispose()
    {
        nodes.Dispose();
        plane.Dispose();
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
