using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Pipeline.Cli.Cluster;

/// <summary>A child's tie to the process that started it: when the pipe that is its standard input closes, it ends, however the parent ended. SIGTERM asks it to
/// end too.</summary>
internal sealed class ParentsEnd : IDisposable
{
    /// <summary>A stage may be stuck inside an operator, and native threads may not let the process go.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);

    private readonly CancellationTokenSource ended = new();
    private readonly PosixSignalRegistration terminated;

    public ParentsEnd()
    {
        terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            ended.Cancel();
        });
        new Thread(Watch) { IsBackground = true, Name = "parent's end" }.Start();
    }

    /// <summary>Cancelled when somebody asks for the end or the parent is gone.</summary>
    public CancellationToken Token => ended.Token;

    public void Dispose()
    {
        terminated.Dispose();
        ended.Dispose();
    }

    private void Watch()
    {
        using var input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0)
        {
        }

        try
        {
            ended.Cancel();
        }
        catch (ObjectDisposedException)
        {
            return;   // it has ended by itself
        }

        Thread.Sleep(Limit);
        Process.GetCurrentProcess().Kill();
    }
}
