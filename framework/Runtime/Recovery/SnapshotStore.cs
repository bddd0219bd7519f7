namespace Pipeline.Runtime.Recovery;

/// <summary>The snapshots of one run that a process holds: of its own workers, and of those of the process whose buddy it is. Several threads use it.</summary>
internal sealed class SnapshotStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<(int Worker, long Step), Snapshot> held = [];
    private bool isClosed;

    public IReadOnlyList<HeldSnapshot> Held
    {
        get
        {
            lock (gate)
            {
                return [.. held.Keys.Select(key => new HeldSnapshot(key.Worker, key.Step))];
            }
        }
    }

    /// <param name="snapshot">The store's from here on. One of the same worker and step, which is equal, gives way to it.</param>
    public void Add(Snapshot snapshot)
    {
        lock (gate)
        {
            if (held.Remove((snapshot.Worker, snapshot.Step), out var before))
            {
                before.Dispose();
            }

            if (isClosed)
            {
                snapshot.Dispose();
            }
            else
            {
                held.Add((snapshot.Worker, snapshot.Step), snapshot);
            }
        }
    }

    /// <summary>Null where it is not here.</summary>
    public Snapshot? Find(int worker, long step)
    {
        lock (gate)
        {
            return held.GetValueOrDefault((worker, step));
        }
    }

    /// <summary>Only one step's are needed any more, and newer ones that are on their way.</summary>
    public void ForgetBefore(long step) => Forget(other => other < step);

    /// <summary>The run goes on after a step: what was of later ones is made again.</summary>
    public void ForgetAfter(long step) => Forget(other => other > step);

    /// <summary>Nothing is kept any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            isClosed = true;
        }

        Forget(_ => true);
    }

    private void Forget(Func<long, bool> isObsolete)
    {
        lock (gate)
        {
            foreach (var key in held.Keys.Where(key => isObsolete(key.Step)).ToArray())
            {
                held.Remove(key, out var snapshot);
                snapshot!.Dispose();
            }
        }
    }
}

/// <summary>A snapshot that a process can give.</summary>
internal sealed record HeldSnapshot(int Worker, long Step);
