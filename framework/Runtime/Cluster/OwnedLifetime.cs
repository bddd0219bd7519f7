using Microsoft.Extensions.Hosting;

namespace Pipeline.Runtime.Cluster;

/// <summary>A host that takes no signals: the command owns them.</summary>
internal sealed class OwnedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
