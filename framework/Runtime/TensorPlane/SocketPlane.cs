using System.Net;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>A process's end of the tensor plane: listens on TCP and on a Unix domain socket, dials and awaits links. The links belong to who
/// asked for them and live on without it.</summary>
internal sealed class SocketPlane : ITensorPlane, IDisposable
{
    private readonly PlaneSettings settings;
    private readonly DirectoryInfo? folder;
    private readonly List<PlaneListener> listeners = [];
    private readonly ExpectedLinks expected = new();

    private SocketPlane(PlaneSettings settings, Action<string>? refused)
    {
        (this.settings, Refusals) = (settings, new(refused));
        var tcp = PlaneSockets.ListenTcp(settings.Host, settings.Port);
        var port = ((IPEndPoint)tcp.LocalEndPoint!).Port;
        listeners.Add(new(tcp, settings.Tls, expected, Refusals, settings.MaximumFrameBytes));
        folder = Directory.CreateTempSubdirectory("pipeline-");   // for this user alone
        var path = Path.Combine(folder.FullName, "plane");
        if (PlaneSockets.ListenUnix(path) is { } unix)
        {
            listeners.Add(new(unix, null, expected, Refusals, settings.MaximumFrameBytes));
        }

        Address = new(settings.Host, port, listeners.Count > 1 ? path : null);
        listeners.ForEach(listener => listener.Start());
    }

    /// <summary>For peers to dial.</summary>
    public PlaneAddress Address { get; }

    public Refusals Refusals { get; }

    /// <param name="refused">Told one sentence for everything that is refused, on the plane's threads; it must return at once.</param>
    /// <exception cref="IOException">The address cannot be listened on.</exception>
    public static SocketPlane Listen(PlaneSettings settings, Action<string>? refused = null) => new(settings, refused);

    /// <summary>Opens a link, over the peer's Unix domain socket where both have the same host. Tries again while nobody listens there.</summary>
    /// <param name="receiver">May be called before the task ends.</param>
    /// <exception cref="RefusedException">The peer refuses the link, or is not believed.</exception>
    /// <exception cref="IOException">The peer cannot be reached.</exception>
    public async Task<ITensorLink> DialAsync(PlaneAddress peer, LinkName name, ILinkReceiver receiver, CancellationToken stop)
    {
        var (connections, address) = await Task.Factory.StartNew(
            () => new LinkDialler(settings, peer, name, stop).Dial(), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var link = new SocketLink(name, isDialler: true, receiver, Refusals, address, connections, settings.MaximumFrameBytes);
        link.Start();
        return link;
    }

    /// <summary>Awaits the dialler of a link, which may have come already.</summary>
    /// <param name="receiver">May be called before the task ends.</param>
    /// <exception cref="RefusedException">The run is in a newer epoch.</exception>
    /// <exception cref="ObjectDisposedException">The plane was disposed first.</exception>
    public async Task<ITensorLink> AcceptAsync(LinkName name, ILinkReceiver receiver, CancellationToken stop)
    {
        using var link = new ExpectedLink(name, receiver);
        expected.Add(link);
        using var cancel = stop.Register(() => expected.Cancel(link, stop));
        return await link.Link.Task;
    }

    public void Dispose()
    {
        listeners.ForEach(listener => listener.Dispose());
        expected.Dispose();
        folder?.Delete(recursive: true);
    }
}
