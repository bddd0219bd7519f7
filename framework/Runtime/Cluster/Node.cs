using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster.Tools.Singleton;
using Pipeline.Core;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Loading;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>A process that lends its devices to the runs of a cluster.</summary>
public sealed class Node : IAsyncDisposable
{
    /// <summary>Runs move their stages away meanwhile, behind the step under way.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(25);

    private readonly ClusterNode member;
    private readonly IActorRef actor;
    private readonly SocketPlane plane;

    private Node(ClusterNode member, IActorRef actor, SocketPlane plane, NodeDescription description)
    {
        this.member = member;
        this.actor = actor;
        this.plane = plane;
        Description = description;
    }

    public NodeDescription Description { get; }

    /// <summary>Completes when the node is no longer a member, with the reason as a sentence without its end.</summary>
    public Task<string> Ended => member.Ended;

    /// <param name="join">HOST:PORT of any member; null to be a cluster's first.</param>
    /// <param name="insecure">Listen off loopback without TLS.</param>
    /// <param name="architectures">The model families that the node can build.</param>
    /// <exception cref="BadInputException">A device is not there, or the node cannot listen or is not taken in.</exception>
    public static async Task<Node> StartAsync(
        ClusterSettings settings, string? join, bool insecure, IReadOnlyList<IArchitecture> architectures, CancellationToken stop)
    {
        LibTorch.Prefer(settings.InstructionSet);
        var software = NodeSoftware.OfThisProcess();
        var devices = OfferedDevices.Of(settings.Node.Devices);
        SocketPlane? plane = null;
        IActorRef? actor = null;
        NodeDescription? description = null;
        try
        {
            string[] roles = settings.IsOfOneRun ? [ClusterRun.NodeRole] : [ClusterRun.NodeRole, ClusterNode.CoordinatorRole];
            var member = await ClusterNode.StartAsync(settings, join, roles, insecure, Offer, stop: stop);
            return new(member, actor!, plane!, description!);
        }
        catch
        {
            plane?.Dispose();
            throw;
        }

        // Before the node joins, so that whoever sees it up finds it ready.
        void Offer(ClusterNode member)
        {
            plane = SocketPlane.Listen(settings.Plane(member.Identity), refused => member.Refusals.Warn("tensor plane", $"Refused: {refused}"));
            var address = $"{member.Address.Host}:{member.Address.Port}";
            var name = settings.Node.Name.Length > 0 ? settings.Node.Name : address;
            description = new(
                name,
                address,
                Environment.ProcessId,
                software,
                [.. architectures.Select(architecture => architecture.Name)],
                Environment.ProcessorCount,
                devices,
                new Dictionary<string, long>());
            actor = member.System.ActorOf(NodeActor.Props(description, architectures, plane, () => Refused(member, plane)), NodeActor.Name);
            if (!settings.IsOfOneRun)
            {
                member.System.ActorOf(DeadMembers.Props());
                member.System.ActorOf(
                    ClusterSingletonManager.Props(
                        RunsActor.Props(name, architectures, plane),
                        RunsActor.HandOver.Instance,
                        ClusterSingletonManagerSettings.Create(member.System).WithRole(ClusterNode.CoordinatorRole).WithSingletonName(RunsActor.SingletonName)),
                    RunsActor.Name);
            }
        }
    }

    /// <summary>By reason: on Akka's side, then on the tensor plane's.</summary>
    private static Dictionary<string, long> Refused(ClusterNode member, SocketPlane plane) => member.Refusals.Counts
        .Concat(plane.Refusals.Counts.Where(entry => entry.Value > 0).Select(entry => KeyValuePair.Create($"tensor plane: {entry.Key}".ToLowerInvariant(), entry.Value)))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>Has runs move their stages elsewhere, or ends these, first: a process whose threads are inside libtorch while it is torn down crashes. Where one is stuck there, the
    /// process ends at once instead.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!member.Ended.IsCompleted)
        {
            var ended = actor.Ask<RunsEnded>(new EndRuns(), EndLimit);
            await ((Task)ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!ended.IsCompletedSuccessfully && !member.Ended.IsCompleted)
            {
                Process.GetCurrentProcess().Kill();
            }
        }

        await member.DisposeAsync();
        plane.Dispose();
    }
}
