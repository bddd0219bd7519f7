using System.Runtime.InteropServices;

namespace Pipeline.Cli.Cluster;

/// <summary>Leaves Ctrl-C, which a terminal sends to the whole process group, to the parent.</summary>
internal sealed class IgnoredInterrupt : IDisposable
{
    private readonly PosixSignalRegistration registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);

    public void Dispose() => registration.Dispose();
}
