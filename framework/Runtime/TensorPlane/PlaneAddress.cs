namespace Pipeline.Runtime.TensorPlane;

/// <summary>Where a process listens for links.</summary>
/// <param name="Host">The node's host name or address, as it advertises it.</param>
/// <param name="SocketPath">Of its Unix domain socket, for peers with the same host; null where there is none.</param>
internal sealed record PlaneAddress(string Host, int Port, string? SocketPath);
