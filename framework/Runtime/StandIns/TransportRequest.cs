using System.Text.Json;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.StandIns;

/// <summary>What the benchmark asks its second process to do next: to dial and to send for as long as the connection lasts, or to send back
/// what arrives.</summary>
/// <param name="Bytes">Of a tensor.</param>
/// <param name="Streams">Connections of loops without the plane; 0 asks for the plane.</param>
/// <param name="Peer">Where the first process listens.</param>
internal sealed record TransportRequest(string Transport, int Bytes, int Streams, bool IsRoundTrip, LinkName Link, PlaneAddress Peer)
{
    public override string ToString() => JsonSerializer.Serialize(this);

    public static TransportRequest Parse(string line) =>
        JsonSerializer.Deserialize<TransportRequest>(line) ?? throw new InvalidDataException("The benchmark's first process asked for nothing.");
}
