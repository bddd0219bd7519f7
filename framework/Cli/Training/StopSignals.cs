using System.Runtime.InteropServices;

namespace Pipeline.Cli.Training;

/// <summary>SIGINT, SIGTERM and, where the work ends with its terminal, SIGHUP: the first asks for a clean stop, the second ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly PosixSignalRegistration[] registrations;

    /// <param name="withTerminal">The work ends when the terminal goes.</param>
    public StopSignals(bool withTerminal = true)
    {
        PosixSignal[] signals = withTerminal ? [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP] : [PosixSignal.SIGINT, PosixSignal.SIGTERM];
        registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    public CancellationToken Stop => stop.Token;

    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }

        stop.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (stop.IsCancellationRequested)
        {
            Environment.Exit(ExitCode.Interrupted);
        }

        stop.Cancel();
    }
}
