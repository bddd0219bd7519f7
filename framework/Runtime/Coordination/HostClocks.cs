using System.Diagnostics;

namespace Pipeline.Runtime.Coordination;

/// <summary>What the clocks of other hosts show when this one's shows a time: times of all workers go onto one line.</summary>
internal sealed class HostClocks(int hosts)
{
    private readonly (long RoundTrip, long Offset)[] best = [.. Enumerable.Repeat((long.MaxValue, 0L), hosts)];

    /// <summary>A host has answered; of several answers the quickest says most (as in NTP, RFC 5905).</summary>
    /// <param name="askedAt">Stopwatch ticks of this host.</param>
    /// <param name="ticks">Of the other, when it answered.</param>
    public void Answered(int host, long askedAt, long ticks) => Answered(host, askedAt, ticks, Stopwatch.GetTimestamp());

    internal void Answered(int host, long askedAt, long ticks, long now)
    {
        var roundTrip = now - askedAt;
        if (roundTrip < best[host].RoundTrip)
        {
            var offset = ticks - (askedAt + (roundTrip / 2));
            // Processes of one machine share its clock, and no measurement is better than that.
            best[host] = (roundTrip, Math.Abs(offset) <= roundTrip ? 0 : offset);
        }
    }

    /// <summary>Ticks of a host as this one's.</summary>
    public long ToOwn(int host, long ticks) => ticks - best[host].Offset;
}
