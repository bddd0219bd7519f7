using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Recovery;

/// <summary>Who keeps copies of whose snapshots: the next process in a ring, on another machine where there is one. All processes compute the same.</summary>
internal static class Buddies
{
    /// <param name="all">Of the run, also those without a worker.</param>
    /// <returns>The number of each one's buddy; empty where only one stays.</returns>
    public static IReadOnlyDictionary<int, int> Of(IReadOnlyList<HostPlace> all)
    {
        HostPlace[] hosts = [.. all.Where(host => !host.IsLeaving)];
        var buddies = new Dictionary<int, int>();
        for (var index = 0; index < hosts.Length && hosts.Length > 1; index++)
        {
            var others = Enumerable.Range(1, hosts.Length - 1).Select(distance => hosts[(index + distance) % hosts.Length]).ToArray();
            var elsewhere = others.FirstOrDefault(other => other.Address?.Host != hosts[index].Address?.Host);
            buddies.Add(hosts[index].Number, (elsewhere ?? others[0]).Number);
        }

        return buddies;
    }
}
