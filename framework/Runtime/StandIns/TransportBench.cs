using System.Diagnostics;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;
using Pipeline.Tensors.Loading;

namespace Pipeline.Runtime.StandIns;

/// <summary>Measures the tensor plane between two processes, in turn with loops that do nothing but send and receive over the same kind of
/// socket. This process receives; <see cref="TransportPeer"/> sends.</summary>
public sealed class TransportBench : IDisposable
{
    private const int SmallBytes = 64;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("pipeline-bench-");
    private readonly TlsIdentity identity;
    private readonly SocketPlane open;
    private readonly SocketPlane secret;
    private readonly Process peer;
    private readonly ControlPings pings = new(join: null);
    private readonly TimeSpan time;
    private readonly CancellationToken stop;

    private TransportBench(TimeSpan time, Func<IReadOnlyList<string>, Process> start, CancellationToken stop)
    {
        (this.time, this.stop) = (time, stop);
        using (var authority = CertificateAuthority.Create(Path.Combine(folder.FullName, "authority")))
        {
            authority.WriteNode(Certificates, [TransportSockets.Host]);
        }

        identity = TlsIdentity.Read(Certificates);
        open = SocketPlane.Listen(new(TransportSockets.Host));
        secret = SocketPlane.Listen(new(TransportSockets.Host, Tls: identity));
        peer = start([Certificates, pings.Address]);
    }

    public static IReadOnlyList<string> Transports { get; } = [TransportSockets.Unix, TransportSockets.Tcp, TransportSockets.Tls];

    private string Certificates => Path.Combine(folder.FullName, "node");

    /// <param name="transports">Some of <see cref="Transports"/>.</param>
    /// <param name="sizes">Of the tensors, in bytes.</param>
    /// <param name="time">Of one measurement.</param>
    /// <param name="start">Starts a process that runs <see cref="TransportPeer"/> with these last two arguments, its standard input a pipe.</param>
    public static TransportBenchResult Run(
        IReadOnlyList<string> transports, IReadOnlyList<int> sizes, int rounds, TimeSpan time, Func<IReadOnlyList<string>, Process> start, CancellationToken stop)
    {
        LibTorch.Load();
        using var bench = new TransportBench(time, start, stop);
        var throughput = transports.SelectMany(transport => sizes.Select(bytes => bench.Throughput(transport, bytes, rounds))).ToArray();
        return new(rounds, time.TotalSeconds, throughput, [.. transports.Where(transport => transport != TransportSockets.Tls).Select(transport => bench.RoundTrip(transport, rounds))],
            bench.Pings(transports[0], sizes[0], rounds));
    }

    public void Dispose()
    {
        peer.StandardInput.Close();
        if (!peer.WaitForExit(TimeSpan.FromSeconds(5)))
        {
            peer.Kill();
        }

        peer.Dispose();
        pings.Dispose();
        open.Dispose();
        secret.Dispose();
        identity.Dispose();
        folder.Delete(recursive: true);
    }

    private ThroughputResult Throughput(string transport, int bytes, int rounds)
    {
        var streams = transport == TransportSockets.Tls ? new PlaneSettings("", Tls: identity).TcpStreams : 1;
        var (one, several, plane) = (new double[rounds], new double[rounds], new double[rounds]);
        Raw(transport, bytes, 1);   // code is compiled for speed only after it has run for a while
        Plane(transport, bytes, isRoundTrip: false);
        for (var i = 0; i < rounds; i++)
        {
            one[i] = Raw(transport, bytes, 1);
            plane[i] = Plane(transport, bytes, isRoundTrip: false).Rate;
            several[i] = streams == 1 ? one[i] : Raw(transport, bytes, streams);
        }

        return new(
            transport, bytes, streams, Median(one), Median(several), Median(plane), Median(plane.Zip(several, (p, raw) => p / raw)),
            Median(plane.Zip(one, (p, raw) => p / raw)));
    }

    private RoundTripResult RoundTrip(string transport, int rounds)
    {
        var (raw, plane) = (new List<double>(), new List<double>());
        for (var i = 0; i < rounds; i++)
        {
            raw.AddRange(RawRoundTrips(transport));
            plane.AddRange(Plane(transport, SmallBytes, isRoundTrip: true).Times);
        }

        return new(transport, SmallBytes, Median(raw), Share(raw, 0.99), Median(plane), Share(plane, 0.99));
    }

    /// <summary>Control messages by themselves, then beside tensors of this transport and size.</summary>
    private PingResult Pings(string transport, int bytes, int rounds)
    {
        pings.Measure(time);   // code is compiled for speed only after it has run for a while
        var quiet = pings.Measure(rounds * time);
        var beside = new List<double>();
        Plane(transport, bytes, isRoundTrip: false, () => beside.AddRange(pings.Measure(rounds * time)));
        return new(Median(quiet), Share(quiet, 0.99), Median(beside), Share(beside, 0.99));
    }

    /// <returns>Bytes a second.</returns>
    private double Raw(string transport, int bytes, int streams)
    {
        using var connections = Connect(transport, bytes, streams, isRoundTrip: false);
        var received = 0L;
        connections.Loop(stream =>
        {
            for (var buffer = new byte[bytes]; ;)
            {
                stream.ReadExactly(buffer);
                Interlocked.Add(ref received, bytes);
            }
        });
        return Rate(() => Volatile.Read(ref received));
    }

    private List<double> RawRoundTrips(string transport)
    {
        using var connections = Connect(transport, SmallBytes, 1, isRoundTrip: true);
        var times = new List<double>();
        connections.Loop(stream =>
        {
            for (var buffer = new byte[SmallBytes]; ;)
            {
                var begin = Stopwatch.GetTimestamp();
                stream.Write(buffer);
                stream.ReadExactly(buffer);
                times.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
            }
        });
        Rate(() => 0);
        connections.Dispose();
        return times;
    }

    private TransportConnections Connect(string transport, int bytes, int streams, bool isRoundTrip)
    {
        var path = Path.Combine(folder.FullName, "raw");
        using var listening = TransportSockets.Listen(transport, path);
        Ask(new(transport, bytes, streams, isRoundTrip, default, TransportSockets.Address(listening, path)));
        return new(listening, streams, transport == TransportSockets.Tls ? identity : null);
    }

    /// <param name="meanwhile">Done while tensors pass.</param>
    private (double Rate, List<double> Times) Plane(string transport, int bytes, bool isRoundTrip, Action? meanwhile = null)
    {
        var plane = transport == TransportSockets.Tls ? secret : open;
        var name = new LinkName(Guid.NewGuid(), 0, 0, 1);
        using var receiver = new TransportReceiver(isRoundTrip, bytes);
        var accepted = plane.AcceptAsync(name, receiver, stop);
        Ask(new(transport, bytes, 0, isRoundTrip, name, transport == TransportSockets.Unix ? plane.Address : plane.Address with { SocketPath = null }));
        double rate;
        using (var link = accepted.GetAwaiter().GetResult())
        {
            receiver.Begin(link);
            rate = Rate(() => receiver.Received);
            meanwhile?.Invoke();
        }

        return receiver.Failure is { } failure ? throw new IOException(failure) : (rate, receiver.Times);
    }

    private void Ask(TransportRequest request)
    {
        stop.ThrowIfCancellationRequested();
        peer.StandardInput.WriteLine(request);
        peer.StandardInput.Flush();
    }

    /// <summary>After a quarter more to warm up.</summary>
    private double Rate(Func<long> received)
    {
        Thread.Sleep(time / 4);
        var (before, begin) = (received(), Stopwatch.GetTimestamp());
        Thread.Sleep(time);
        return (received() - before) / Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static double Median(IEnumerable<double> values) => Share([.. values], 0.5);

    private static double Share(List<double> values, double share) => values.Count == 0 ? 0 : values.Order().ElementAt((int)(share * (values.Count - 1)));
}
