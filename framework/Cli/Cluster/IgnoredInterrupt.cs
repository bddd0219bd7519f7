using System.Runtime.InteropServices;

namespace Pipeline.Cli.Cluster;

/// <summary>Leaves Ctrl-C, and the end of the terminal, both of which reach the whole process group, to the parent.</summary>
internal sealed class IgnoredInterrupt : IDisposable
{
    private readonly PosixSignalRegistration[] registrations =
        [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, context => context.Cancel = true))];

    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }
    }
}
