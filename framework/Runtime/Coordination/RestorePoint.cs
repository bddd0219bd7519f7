using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>What an epoch begins with.</summary>
/// <param name="Step">The last one that counts.</param>
/// <param name="Checkpoint">The folder with the state of that step; null where it comes from snapshots, or the run is at its beginning.</param>
/// <param name="Sources">By worker, the process that has its snapshot; null without snapshots.</param>
/// <param name="Origin">In words.</param>
internal sealed record RestorePoint(long Step, string? Checkpoint, IReadOnlyList<int>? Sources, string Origin)
{
    /// <summary>The newest step that every worker has a snapshot of in a process that is left, or the newest checkpoint that is whole.</summary>
    /// <param name="hosts">Those that are left.</param>
    /// <param name="seats">Where workers go on: where they can, they take the snapshot that is there.</param>
    public static RestorePoint Of(RunState run, IReadOnlyList<RunHost> hosts, IReadOnlyList<Seat> seats)
    {
        var snapshot = hosts.SelectMany(host => host.Held).Select(held => held.Step).Distinct()
            .Where(step => step <= run.Recorder.LastStep && seats.Index().All(seat => hosts.Any(host => host.Holds(seat.Index, step))))
            .DefaultIfEmpty(-1).Max();
        return snapshot >= Math.Max(run.LastSaved, 0)
            ? new(snapshot, null, [.. seats.Select((seat, worker) => Source(hosts, seat, worker, snapshot))], "the memory of its processes")
            : OnDisk(run);
    }

    private static int Source(IReadOnlyList<RunHost> hosts, Seat seat, int worker, long step) =>
        hosts.Where(host => host.Holds(worker, step)).MinBy(host => host.Number == seat.Host ? -1 : host.Number)!.Number;

    private static RestorePoint OnDisk(RunState run)
    {
        if (run.Plan.Resumed is { } resumed && resumed.Directory == run.LastCheckpoint)
        {
            return new(resumed.Manifest.Step, resumed.Directory, null, resumed.Directory);
        }

        var newest = run.LastCheckpoint is null ? null : CheckpointFolder.Newest(
            run.Plan.Directory.Checkpoints, (_, damage) => run.Recorder.Event("warning", $"A checkpoint was passed over: {damage}"));
        return newest is null
            ? new(0, null, null, "its beginning")
            : new(newest.Manifest.Step, newest.Directory, null, newest.Directory);
    }
}
