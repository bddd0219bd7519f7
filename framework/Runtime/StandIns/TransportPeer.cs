using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;
using Pipeline.Tensors.Frames;
using Pipeline.Tensors.Loading;
using static TorchSharp.torch;

namespace Pipeline.Runtime.StandIns;

/// <summary>The transport benchmark's second process: dials and sends.</summary>
public static class TransportPeer
{
    /// <summary>Bytes under way: enough that neither end waits for the other's credits.</summary>
    internal const int InFlight = 32 << 20;

    internal const int MostFrames = 64;

    /// <param name="requests">One a line, until its end.</param>
    /// <param name="certificates">Of the node.</param>
    /// <param name="join">HOST:PORT of the first process's control connection.</param>
    public static void Run(TextReader requests, string certificates, string join)
    {
        LibTorch.Load();
        using var pings = new ControlPings(join);
        using var identity = TlsIdentity.Read(certificates);
        using var open = SocketPlane.Listen(new(TransportSockets.Host));
        using var secret = SocketPlane.Listen(new(TransportSockets.Host, Tls: identity));
        while (requests.ReadLine() is { } line)
        {
            var request = TransportRequest.Parse(line);
            if (request.Streams > 0)
            {
                SendRaw(request, request.Transport == TransportSockets.Tls ? identity : null);
            }
            else
            {
                Send(request, request.Transport == TransportSockets.Tls ? secret : open);
            }
        }
    }

    private static void SendRaw(TransportRequest request, TlsIdentity? identity)
    {
        var threads = Enumerable.Range(0, request.Streams)
            .Select(_ => TransportSockets.Loop(TransportSockets.Dial(request.Peer, identity), request.IsRoundTrip ? Echo : Send))
            .ToArray();
        Array.ForEach(threads, thread => thread.Join());

        void Send(Stream stream)
        {
            using var tensor = TensorMemory.Allocate(ScalarType.Byte, [request.Bytes]);
            for (var memory = new TensorMemory(tensor); ;)
            {
                stream.Write(memory.Slice(0, request.Bytes));
            }
        }

        void Echo(Stream stream)
        {
            for (var bytes = new byte[request.Bytes]; ;)
            {
                stream.ReadExactly(bytes);
                stream.Write(bytes);
            }
        }
    }

    private static void Send(TransportRequest request, SocketPlane plane)
    {
        using var receiver = new TransportSender(request);
        using var link = plane.DialAsync(request.Peer, request.Link, receiver, CancellationToken.None).GetAwaiter().GetResult();
        receiver.Run(link);
    }
}
