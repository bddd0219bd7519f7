namespace Pipeline.Runtime.StandIns;

/// <summary>What the tensor plane carries between two processes of this machine, beside loops over the same sockets that do nothing else.</summary>
public sealed record TransportBenchResult(int Rounds, double Seconds, IReadOnlyList<ThroughputResult> Throughput, IReadOnlyList<RoundTripResult> RoundTrips, PingResult Pings);

/// <summary>Medians over the rounds, in bytes a second.</summary>
/// <param name="Transport">unix, tcp or tls.</param>
/// <param name="Bytes">Of a tensor.</param>
/// <param name="Streams">Connections of the plane's link.</param>
/// <param name="Raw">A loop over one connection.</param>
/// <param name="RawStreams">Loops over as many connections as the plane's link has.</param>
/// <param name="Ratio">Median of each round's plane over <paramref name="RawStreams"/>.</param>
/// <param name="RatioOfOne">Median of each round's plane over <paramref name="Raw"/>.</param>
public sealed record ThroughputResult(
    string Transport, int Bytes, int Streams, double Raw, double RawStreams, double Plane, double Ratio, double RatioOfOne);

/// <summary>There and back, in seconds.</summary>
/// <param name="Bytes">Of the tensor.</param>
/// <param name="RawMedian">Of a loop over the same socket.</param>
public sealed record RoundTripResult(string Transport, int Bytes, double RawMedian, double RawP99, double Median, double P99);

/// <summary>A control message there and back, in seconds.</summary>
/// <param name="QuietMedian">With nothing beside it.</param>
/// <param name="Median">While tensors pass at full speed.</param>
public sealed record PingResult(double QuietMedian, double QuietP99, double Median, double P99);
