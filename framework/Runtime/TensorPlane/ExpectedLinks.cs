using System.Diagnostics;
using System.Security.Cryptography;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Where diallers and those who await them meet, whichever comes first.</summary>
internal sealed class ExpectedLinks : IDisposable
{
    /// <summary>Of whose past epochs this process knows.</summary>
    private const int Runs = 64;

    private readonly object gate = new();
    private readonly List<ExpectedLink> expected = [];
    private readonly List<(Guid Run, long Epoch)> known = [];
    private int early;
    private bool isClosed;

    public void Add(ExpectedLink link)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            var newest = known.FindIndex(run => run.Run == link.Name.Run);
            if (newest >= 0 && known[newest].Epoch > link.Name.Epoch)
            {
                throw new RefusedException(Refusal.Epoch, $"Epoch {link.Name.Epoch} is over; the run is in epoch {known[newest].Epoch}.");
            }

            known.RemoveAll(run => run.Run == link.Name.Run);
            known.Add((link.Name.Run, link.Name.Epoch));
            known.RemoveRange(0, Math.Max(0, known.Count - Runs));
            expected.Add(link);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Nobody waits for it any more, unless it has come about.</summary>
    public void Cancel(ExpectedLink link, CancellationToken stop)
    {
        lock (gate)
        {
            if (!expected.Remove(link))
            {
                return;
            }
        }

        link.Dispose();
        link.Link.TrySetCanceled(stop);
    }

    /// <summary>The link that a greeting is for; waits a bounded time until it is expected.</summary>
    /// <exception cref="RefusedException">It is for none.</exception>
    public ExpectedLink Find(Hello hello)
    {
        var begin = Stopwatch.GetTimestamp();
        lock (gate)
        {
            if (Match(hello) is { } now)
            {
                return now;
            }

            if (early == PlaneLimits.Early)
            {
                throw new RefusedException(Refusal.Busy, "too many connections wait already");
            }

            early++;
            try
            {
                while (true)
                {
                    var left = PlaneLimits.EarlyTime - Stopwatch.GetElapsedTime(begin);
                    if (isClosed || left <= TimeSpan.Zero || !Monitor.Wait(gate, left))
                    {
                        throw new RefusedException(Refusal.Unexpected, "nobody waits for this link");
                    }

                    if (Match(hello) is { } link)
                    {
                        return link;
                    }
                }
            }
            finally
            {
                early--;
            }
        }
    }

    /// <summary>Takes a connection in; with a link's last one, the link is no longer expected.</summary>
    /// <returns>All of its connections, or null.</returns>
    /// <exception cref="RefusedException">The link is not expected any more.</exception>
    public OpenConnection[]? Join(ExpectedLink link, Hello hello, OpenConnection connection)
    {
        lock (gate)
        {
            if (!expected.Contains(link))
            {
                throw new RefusedException(Refusal.Unexpected, "nobody waits for this link any more");
            }

            var all = link.Add(hello, connection);
            if (all is not null)
            {
                expected.Remove(link);
            }

            return all;
        }
    }

    /// <summary>Whoever waits is told that nobody will come.</summary>
    public void Dispose()
    {
        ExpectedLink[] left;
        lock (gate)
        {
            isClosed = true;
            left = [.. expected];
            expected.Clear();
            Monitor.PulseAll(gate);
        }

        foreach (var link in left)
        {
            link.Dispose();
            link.Link.TrySetException(new ObjectDisposedException(nameof(SocketPlane)));
        }
    }

    private ExpectedLink? Match(Hello hello)
    {
        var same = expected.FindAll(link => link.Name with { Run = hello.Link.Run } == hello.Link);
        if (same.Find(link => AreSame(link.Name.Run, hello.Link.Run)) is { } match)
        {
            return match;
        }

        foreach (var (run, epoch) in known)
        {
            if (AreSame(run, hello.Link.Run))
            {
                return hello.Link.Epoch < epoch
                    ? throw new RefusedException(Refusal.Epoch, $"it is of epoch {hello.Link.Epoch}, and the run is in epoch {epoch}")
                    : null;
            }
        }

        return same.Count == 0 ? null : throw new RefusedException(Refusal.Secret, "it does not know the run's secret");
    }

    /// <summary>In the same time for every guess.</summary>
    private static bool AreSame(Guid one, Guid other)
    {
        Span<byte> left = stackalloc byte[16], right = stackalloc byte[16];
        one.TryWriteBytes(left);
        other.TryWriteBytes(right);
        return CryptographicOperations.FixedTimeEquals(left, right);
    }
}
