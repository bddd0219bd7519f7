namespace Pipeline.Runtime.TensorPlane;

/// <summary>How a process takes part in the plane.</summary>
/// <param name="Host">The name or address that peers reach it by.</param>
/// <param name="Port">To listen on; 0 takes any free one.</param>
/// <param name="MaximumFrameBytes">Frames with more are refused before memory is taken for them.</param>
/// <param name="Streams">Connections a link that this process dials has over TCP: one with TLS encrypts on one core.</param>
internal sealed record PlaneSettings(string Host, int Port = 0, long MaximumFrameBytes = 16L << 30, int Streams = 1);
