using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Cluster;

/// <summary>Waits until a node is a member and up, or says why it is not.</summary>
internal static class Joining
{
    /// <summary>A join takes one second; after this long something may be in the way.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <param name="target">A member; null to be the first.</param>
    public static async Task JoinAsync(ActorSystem system, HostPort? target, TlsIdentity? identity, TimeSpan limit, CancellationToken stop)
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        var self = cluster.SelfAddress;
        if (target is not null && target == new HostPort(self.Host, self.Port ?? 0))
        {
            throw new BadInputException($"--join: {target} is this node itself; leave --join out for the first node of a cluster.");
        }

        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.RegisterOnMemberUp(up.SetResult);
        cluster.Join(target is null ? self : new Address(self.Protocol, self.System, target.Host, target.Port));
        string? problem = null;
        for (var since = Stopwatch.StartNew(); since.Elapsed < limit;)
        {
            var patience = limit < Patience ? limit : Patience;
            await Task.WhenAny(up.Task, system.WhenTerminated, Task.Delay(patience, stop));
            stop.ThrowIfCancellationRequested();
            if (up.Task.IsCompleted)
            {
                return;
            }

            var found = target is null ? null : await JoinProbe.FindAsync(target, identity, stop);
            problem = found?.Problem ?? $"{target?.ToString() ?? "the cluster's first node"} does not take this node in";
            if (found is { Certain: true } || system.WhenTerminated.IsCompleted)
            {
                break;
            }
        }

        throw new BadInputException($"--join: {problem}.");
    }
}
