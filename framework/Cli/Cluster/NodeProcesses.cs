using System.Diagnostics;
using System.Globalization;

namespace Pipeline.Cli.Cluster;

/// <summary>Nodes of this machine that live as long as this process: a cluster for one run. One that ends by itself while the run goes on is replaced.</summary>
internal sealed class NodeProcesses : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    /// <summary>First the run is to go on without it; starting a process takes a core for seconds.</summary>
    private static readonly TimeSpan ReplacementDelay = TimeSpan.FromSeconds(2);

    /// <summary>What ends sooner will not do better the next time.</summary>
    private static readonly TimeSpan ShortestLife = TimeSpan.FromSeconds(1);

    private readonly string join;
    private readonly IReadOnlyList<string> options;
    private readonly Lock gate = new();
    private readonly List<Process> processes = [];
    private readonly CancellationTokenSource ending = new();
    private readonly TaskCompletionSource<string> firstEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NodeProcesses(string join, IReadOnlyList<string> options) => (this.join, this.options) = (join, options);

    /// <summary>Completes with a sentence when one of them has ended by itself.</summary>
    public Task<string> FirstEnded => firstEnded.Task;

    /// <param name="join">HOST:PORT of this process.</param>
    /// <param name="devices">What each lends.</param>
    /// <param name="options">Further ones of <c>pipeline node</c>.</param>
    public static NodeProcesses Start(string join, IReadOnlyList<string> devices, IReadOnlyList<string> options)
    {
        var nodes = new NodeProcesses(join, options);
        foreach (var device in devices)
        {
            nodes.Start(device);
        }

        return nodes;
    }

    /// <summary>Asks all to end, and ends those that do not.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        Process[] all;
        lock (gate)   // one may just be starting
        {
            all = [.. processes];
        }

        foreach (var process in all)
        {
            process.StandardInput.Close();
        }

        await Task.WhenAll(all.Select(ReapAsync));
        ending.Dispose();
    }

    private void Start(string device)
    {
        lock (gate)
        {
            if (ending.IsCancellationRequested)
            {
                return;
            }

            string[] arguments =
            [
                "node", "--join", join, "--port", "0", "--name", string.Create(CultureInfo.InvariantCulture, $"node-{processes.Count + 1}"), "--devices", device,
                NodeCommand.AttachedOption, .. options,
            ];
            processes.Add(OwnProgram.Start(arguments));
            _ = WatchAsync(processes[^1], device);
        }
    }

    private async Task WatchAsync(Process process, string device)
    {
        var began = Stopwatch.GetTimestamp();
        await process.WaitForExitAsync();
        if (ending.IsCancellationRequested)
        {
            return;
        }

        firstEnded.TrySetResult($"The node process {process.Id} ended with exit code {process.ExitCode}.");
        if (Stopwatch.GetElapsedTime(began) > ShortestLife)
        {
            await Task.Delay(ReplacementDelay, ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Start(device);
        }
    }

    private static async Task ReapAsync(Process process)
    {
        using (process)
        {
            await process.WaitForExitAsync().WaitAsync(EndLimit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!process.HasExited)
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
        }
    }
}
