using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Where workers go on when processes have been lost, leave, or have joined.</summary>
internal static class Seating
{
    /// <summary>Workers whose device is still there stay. The others take free devices, in order; where there are none left, the devices with the fewest
    /// workers, of these the one whose worker is nearest in the pipeline. Devices that have become free take workers from the fullest.</summary>
    /// <param name="before">By worker; the process may be gone.</param>
    /// <param name="hosts">Those that go on, in the order in which they are to be used.</param>
    /// <param name="isPinned">Workers may be meant to share devices: none is moved off one that is there.</param>
    /// <returns>Null where there is no device.</returns>
    public static IReadOnlyList<Seat>? Of(
        IReadOnlyList<Seat> before, IReadOnlyList<(int Number, IReadOnlyList<string> Devices)> hosts, bool isPinned = false)
    {
        Seat[] devices = [.. hosts.SelectMany(host => host.Devices.Select(device => new Seat(host.Number, device)))];
        if (devices.Length == 0)
        {
            return null;
        }

        var after = before.Select(seat => devices.Contains(seat) ? seat : (Seat?)null).ToArray();
        for (var worker = 0; worker < after.Length; worker++)
        {
            after[worker] ??= devices.MinBy(device => (Load(device), Load(device) == 0 ? 0 : Distance(device, worker)));
        }

        while (!isPinned && devices.FirstOrDefault(device => Load(device) == 0) is var free && Load(free) == 0 && devices.Contains(free)
            && devices.MaxBy(Load) is var fullest && Load(fullest) > 1)
        {
            after[Array.FindLastIndex(after, seat => seat == fullest)] = free;
        }

        return [.. after.Select(seat => seat!.Value)];

        int Load(Seat device) => after.Count(seat => seat == device);

        int Distance(Seat device, int worker) => after.Index().Where(entry => entry.Item == device).Min(entry => Math.Abs(entry.Index - worker));
    }

    /// <summary>Workers share devices that would have one each with more of them.</summary>
    public static bool IsCrowded(IReadOnlyList<Seat> seats) => seats.Distinct().Count() < seats.Count;
}
