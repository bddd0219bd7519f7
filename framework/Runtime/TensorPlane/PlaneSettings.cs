using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>How a process takes part in the plane.</summary>
/// <param name="Host">The name or address that peers reach it by.</param>
/// <param name="Port">To listen on; 0 takes any free one.</param>
/// <param name="Tls">Who the process is to others; null where the network is trusted. Unix domain sockets have no TLS: their folder is the user's alone.</param>
/// <param name="MaximumFrameBytes">Frames with more are refused before memory is taken for them.</param>
/// <param name="Streams">Pairs of connections that a link which this process dials has over TCP, at most 16; null for 4 with TLS and 1 without.</param>
internal sealed record PlaneSettings(string Host, int Port = 0, TlsIdentity? Tls = null, long MaximumFrameBytes = 16L << 30, int? Streams = null)
{
    /// <summary>One stream of TLS encrypts on one core.</summary>
    public int TcpStreams => Streams ?? (Tls is null ? 1 : 4);
}
