using Pipeline.Core;
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
            .Where(step => step <= run.Recorder.LastStep && run.Remembers(step) && seats.Index().All(seat => hosts.Any(host => host.Holds(seat.Index, step))))
            .DefaultIfEmpty(-1).Max();
        var newest = snapshot >= Math.Max(run.LastSaved, 0) ? null : OnDisk(run);
        return snapshot >= (newest?.Manifest.Step ?? 0)
            ? new(snapshot, null, [.. seats.Select((seat, worker) => Source(hosts, seat, worker, snapshot))], "the memory of its processes")
            : newest is null ? new(0, null, null, "its beginning")
            : new(newest.Manifest.Step, newest.Directory, null, newest.Directory);
    }

    private static int Source(IReadOnlyList<RunHost> hosts, Seat seat, int worker, long step) =>
        hosts.Where(host => host.Holds(worker, step)).MinBy(host => host.Number == seat.Host ? -1 : host.Number)!.Number;

    /// <summary>The newest whole checkpoint. Those that are damaged, and those that the records do not reach, are set aside, and count no more.</summary>
    /// <returns>Null where the run goes on from its beginning.</returns>
    /// <exception cref="NothingLeftException">The run began with a checkpoint, and none is left.</exception>
    private static Checkpoint? OnDisk(RunState run)
    {
        var resumed = run.Plan.Resumed;
        var isVerified = resumed is not null && resumed.Directory == run.LastCheckpoint && resumed.Step == run.Recorder.LastStep;   // when the job was opened
        var newest = isVerified ? Checkpoints.Checkpoint.OpenVerified(resumed!.Directory) : OwnNewest(run) ?? (resumed is null ? null : Open(resumed.Directory));
        run.GoBack(newest);
        return newest;
    }

    private static Checkpoint? OwnNewest(RunState run)
    {
        var passedOver = new List<string>();
        SetAside(run, run.Recorder.LastStep, []);
        var newest = CheckpointFolder.Newest(run.Plan.Directory.Checkpoints, (path, damage) =>
        {
            passedOver.Add(path);
            run.Recorder.Event("warning", $"A checkpoint was passed over: {damage}");
        });
        if (passedOver.Count > 0)
        {
            SetAside(run, newest?.Manifest.Step ?? -1, passedOver);
        }

        return newest;
    }

    private static void SetAside(RunState run, long step, IReadOnlyCollection<string> damaged)
    {
        try
        {
            foreach (var sentence in CheckpointStore.SetAsideAfter(run.Plan.Directory.Checkpoints, step, damaged))
            {
                run.Recorder.Event("warning", sentence);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            run.Recorder.Event("warning", $"A checkpoint cannot be set aside: {failure.Message}");
        }
    }

    private static Checkpoint Open(string directory)
    {
        try
        {
            return Checkpoints.Checkpoint.Open(directory);
        }
        catch (BadInputException damage)
        {
            throw new NothingLeftException($"No state is left that the run could go on from: {damage.Message}");
        }
    }
}
