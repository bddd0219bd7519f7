using System.Diagnostics;
using System.Globalization;

namespace Pipeline.Cli.Cluster;

/// <summary>Nodes of this machine that live as long as this process: a cluster for one run. One that ends by itself while the run goes on is replaced.</summary>
internal sealed class NodeProcesses : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    /// <summary>First the run is to go on without it; starting a process takes a core for seconds.</summary>
    private static readonly TimeSpan ReplacementDelay = TimeSpan.FromSeconds(2);

    /// <summary>What ends sooner so many times in a row will not do better the next time.</summary>
    private static readonly TimeSpan ShortestLife = TimeSpan.FromSeconds(10);

    private const int MostShortLives = 3;

    private readonly string join;
    private readonly IReadOnlyList<string> options;
    private readonly Lock gate = new();
    private readonly List<Process> processes = [];
    private readonly CancellationTokenSource ending = new();
    private readonly TaskCompletionSource<string> tooFew = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int dispensable;

    private NodeProcesses(string join, int dispensable, IReadOnlyList<string> options) => (this.join, this.dispensable, this.options) = (join, dispensable, options);

    /// <summary>Completes with a sentence when so many have ended by themselves, and would again, that fewer are left than needed.</summary>
    public Task<string> TooFew => tooFew.Task;

    /// <param name="join">HOST:PORT of this process.</param>
    /// <param name="devices">What each lends.</param>
    /// <param name="needed">The others are spares.</param>
    /// <param name="options">Further ones of <c>pipeline node</c>.</param>
    public static NodeProcesses Start(string join, IReadOnlyList<string> devices, int needed, IReadOnlyList<string> options)
    {
        var nodes = new NodeProcesses(join, devices.Count - needed, options);
        foreach (var device in devices)
        {
            nodes.Start(device, 0);
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

    /// <param name="shortLives">Of those before it, in a row.</param>
    private void Start(string device, int shortLives)
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
            _ = WatchAsync(processes[^1], device, shortLives);
        }
    }

    private async Task WatchAsync(Process process, string device, int shortLives)
    {
        var began = Stopwatch.GetTimestamp();
        await process.WaitForExitAsync();
        if (ending.IsCancellationRequested)
        {
            return;
        }

        shortLives = Stopwatch.GetElapsedTime(began) < ShortestLife ? shortLives + 1 : 0;
        if (shortLives < MostShortLives && process.ExitCode != ExitCode.BadInput)
        {
            await Task.Delay(ReplacementDelay, ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Start(device, shortLives);
            return;
        }

        var often = shortLives < MostShortLives ? "" : ", like those before it soon after its start";
        Console.Error.WriteLine($"The node process {process.Id} ended with exit code {process.ExitCode}{often}; it is not started again.");
        if (Interlocked.Decrement(ref dispensable) < 0)
        {
            tooFew.TrySetResult("Too few nodes are left for the run to begin.");
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
