using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>Two processes' ends of the plane, in one process: worker 0 dials, worker 1 listens.</summary>
internal sealed class TestPlane : IDisposable
{
    public static readonly LinkName Name = new(Guid.NewGuid(), 3, 0, 1);
    private readonly TemporaryFolder folder = new();
    private readonly Transport transport;

    /// <param name="maximumFrameBytes">Of the listener.</param>
    public TestPlane(Transport transport, long maximumFrameBytes = 1 << 24, string host = "127.0.0.1", params string[] certifiedNames)
    {
        this.transport = transport;
        if (transport == Transport.Tls)
        {
            using var authority = CertificateAuthority.Create(folder.File("ca"));
            authority.WriteNode(folder.File("node"), certifiedNames.Length > 0 ? certifiedNames : [host]);
            Identity = TlsIdentity.Read(folder.File("node"));
        }

        Dialler = SocketPlane.Listen(new(host, Tls: Identity));
        Listener = SocketPlane.Listen(new(host, 0, Identity, maximumFrameBytes), sentence =>
        {
            lock (Refused)
            {
                Refused.Add(sentence);
            }
        });
    }

    public TlsIdentity? Identity { get; }

    public SocketPlane Dialler { get; }

    public SocketPlane Listener { get; }

    public List<string> Refused { get; } = [];

    public Inbox AtDialler { get; } = new();

    public Inbox AtListener { get; } = new();

    /// <summary>The listener's, as the transport under test reaches it.</summary>
    public PlaneAddress Address => transport == Transport.Unix ? Listener.Address : Listener.Address with { SocketPath = null };

    public async Task<(ITensorLink FromDialler, ITensorLink FromListener)> LinkAsync(PlaneAddress? through = null, LinkName? name = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var accepted = Listener.AcceptAsync(name ?? Name, AtListener, limit.Token);
        return (await Dialler.DialAsync(through ?? Address, name ?? Name, AtDialler, limit.Token), await accepted);
    }

    public void Dispose()
    {
        Dialler.Dispose();
        Listener.Dispose();
        Identity?.Dispose();
        AtDialler.Dispose();
        AtListener.Dispose();
        folder.Dispose();
    }
}
