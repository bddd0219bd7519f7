using System.Globalization;

namespace Pipeline.Runtime.Cluster;

/// <summary>Memory that this process may use, in bytes: the machine's, or its container's when that has less.</summary>
public sealed record HostMemory(long Total, long Available)
{
    public static HostMemory Measure()
    {
        if (!OperatingSystem.IsLinux())
        {
            GC.Collect();  // the numbers are those of the last collection
            var info = GC.GetGCMemoryInfo();
            return new HostMemory(info.TotalAvailableMemoryBytes, info.TotalAvailableMemoryBytes - info.MemoryLoadBytes);
        }

        var lines = File.ReadAllLines("/proc/meminfo");
        var machine = new HostMemory(Kilobytes(lines, "MemTotal:"), Kilobytes(lines, "MemAvailable:"));
        if ((Number("/sys/fs/cgroup/memory.max") ?? Number("/sys/fs/cgroup/memory/memory.limit_in_bytes")) is not { } limit ||
            limit >= machine.Total)
        {
            return machine;
        }

        var used = Number("/sys/fs/cgroup/memory.current") ?? Number("/sys/fs/cgroup/memory/memory.usage_in_bytes") ?? 0;
        return new HostMemory(limit, Math.Min(machine.Available, Math.Max(0, limit - used)));
    }

    private static long Kilobytes(string[] lines, string name) =>
        long.Parse(
            Array.Find(lines, line => line.StartsWith(name, StringComparison.Ordinal))!
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) * 1024;

    /// <summary>Null where the file is missing or says "max".</summary>
    private static long? Number(string path) =>
        File.Exists(path) && long.TryParse(File.ReadAllText(path), CultureInfo.InvariantCulture, out var number) ? number : null;
}
