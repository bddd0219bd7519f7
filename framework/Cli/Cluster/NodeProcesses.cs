using System.Diagnostics;
using System.Globalization;

namespace Pipeline.Cli.Cluster;

/// <summary>Nodes of this machine that live as long as this process: a cluster for one run.</summary>
internal sealed class NodeProcesses : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    private readonly List<Process> processes = [];

    /// <summary>Completes with a sentence when one of them ends by itself.</summary>
    public Task<string> FirstEnded { get; private set; } = Task.FromResult("");

    /// <param name="join">HOST:PORT of this process.</param>
    /// <param name="devices">What each lends.</param>
    /// <param name="options">Further ones of <c>pipeline node</c>.</param>
    public static NodeProcesses Start(string join, IReadOnlyList<string> devices, IReadOnlyList<string> options)
    {
        var nodes = new NodeProcesses();
        foreach (var (index, device) in devices.Index())
        {
            string[] arguments =
            [
                "node", "--join", join, "--port", "0", "--name", string.Create(CultureInfo.InvariantCulture, $"node-{index + 1}"), "--devices", device,
                NodeCommand.AttachedOption, .. options,
            ];
            nodes.processes.Add(OwnProgram.Start(arguments));
        }

        nodes.FirstEnded = Task.WhenAny(nodes.processes.Select(EndOf)).Unwrap();
        return nodes;
    }

    /// <summary>Asks all to end, and ends those that do not.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in processes)
        {
            process.StandardInput.Close();
        }

        await Task.WhenAll(processes.Select(ReapAsync));
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

    private static async Task<string> EndOf(Process process)
    {
        await process.WaitForExitAsync();
        return $"The node process {process.Id} ended with exit code {process.ExitCode}.";
    }
}
