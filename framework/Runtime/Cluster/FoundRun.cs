using Akka.Actor;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Cluster;

/// <summary>A run that has lost its coordinator, as its processes tell of it.</summary>
/// <param name="Hosts">Those that are left.</param>
/// <param name="Seats">By worker, as the newest epoch had them.</param>
/// <param name="Epoch">The newest that any of them has heard of.</param>
/// <param name="FirstNumber">No process of the run has had this or a greater one.</param>
/// <param name="Node">The name of the node that had the coordinator.</param>
internal sealed record FoundRun(
    SubmittedRun Submitted, IReadOnlyList<PreparedHost> Hosts, IReadOnlyList<Seat> Seats, long Epoch, int FirstNumber, string Node)
{
    /// <summary>A host answers at once, whatever its stages are at.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    /// <summary>All runs that nodes of the cluster have a part in. One that had not begun yet is ended: whoever has submitted it does so again.</summary>
    public static async Task<IReadOnlyList<FoundRun>> AllAsync(ActorSystem system, CancellationToken stop)
    {
        var runs = (await RunNodes.HeldAsync(system, Limit, stop)).GroupBy(held => held.Run).ToArray();
        return [.. (await Task.WhenAll(runs.Select(run => FindAsync(system, [.. run], stop)))).OfType<FoundRun>()];
    }

    private static async Task<FoundRun?> FindAsync(ActorSystem system, IReadOnlyList<HeldRun> parts, CancellationToken stop)
    {
        var asked = await Task.WhenAll(parts.Select(async part =>
        {
            try
            {
                return (part, Said: (HostDescription?)await part.Host.Ask<HostDescription>(new DescribeHost(), Limit, stop));
            }
            catch (AskTimeoutException)
            {
                return (part, Said: (HostDescription?)null);
            }
        }));
        var left = asked.Where(host => host.Said is not null).OrderBy(host => host.part.Number).Select(host => (host.part, Said: host.Said!)).ToArray();
        if (left.Length == 0)
        {
            return null;
        }

        var newest = left.MaxBy(host => (host.Said.Seats.Count > 0, host.Said.Epoch));
        if (newest.Said.Seats.Count == 0)
        {
            foreach (var (part, _) in left)
            {
                part.Host.Tell(new EndStages(long.MaxValue));
            }

            return null;
        }

        return await RunNodes.DescribeAsync(system, newest.part, Limit, stop) is not SubmittedRun submitted ? null : new(   // ended meanwhile
            submitted,
            [.. left.Select(host => new PreparedHost(host.part.Number, host.part.Host, host.part.Node, host.part.Process, host.part.Devices, host.part.Plane))],
            newest.Said.Seats,
            left.Max(host => host.Said.Epoch),
            left.Max(host => Math.Max(host.part.Number, host.Said.Newest)) + 1,
            newest.Said.Node);
    }
}
