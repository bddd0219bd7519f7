using System.Diagnostics;
using System.Globalization;

namespace Pipeline.Runtime.Faults;

/// <summary>What a drill does to its own process.</summary>
internal static class OwnProcess
{
    /// <summary>Ends it as <c>kill -9</c> does. Does not return.</summary>
    public static void Kill()
    {
        Process.GetCurrentProcess().Kill();
        Thread.Sleep(Timeout.Infinite);   // the signal is on its way
    }

    /// <summary>Stops it, and returns when it goes on. A stopped process cannot wake itself, so a child does both.</summary>
    public static void Freeze(TimeSpan time)
    {
        var script = string.Create(
            CultureInfo.InvariantCulture, $"kill -STOP {Environment.ProcessId}; sleep {time.TotalSeconds:F3}; kill -CONT {Environment.ProcessId}");
        using var child = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]))!;
        child.WaitForExit();
    }
}
