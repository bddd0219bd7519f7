using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Pipeline.Runtime.Cluster;

/// <summary>What this node did not let in: each is counted, and told in one line of the log unless the same reason had one within
/// the last second, for whoever knocks must not be able to fill a disk.</summary>
internal sealed partial class Refusals(ILogger log, TimeProvider? time = null)
{
    /// <summary>A peer's certificate is not believed.</summary>
    public const string Certificate = "certificate";

    /// <summary>A connection without TLS, or one that was given up during the handshake.</summary>
    public const string Handshake = "handshake";

    /// <summary>Bytes that are no frame of Akka's, or one that is too long.</summary>
    public const string Frame = "frame";

    /// <summary>A message in a format that makes any type that the sender names.</summary>
    public const string Serializer = "serializer";

    /// <summary>An actor that a peer wanted to create here.</summary>
    public const string Deployment = "deployment";

    /// <summary>A message to an actor, or of a kind, that is not for peers.</summary>
    public const string Untrusted = "untrusted";

    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly Meter Meter = new("Pipeline");

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "pipeline.cluster.refused", description: "Connections and messages that a node did not let in, by reason.");

    private readonly TimeProvider time = time ?? TimeProvider.System;
    private readonly ConcurrentDictionary<string, Told> told = new();
    private readonly ConcurrentDictionary<string, long> counts = new();
    private volatile string? lastPeer;

    /// <summary>Since the start, by reason.</summary>
    public IReadOnlyDictionary<string, long> Counts => counts.ToDictionary(StringComparer.Ordinal);

    /// <param name="what">A sentence for the log.</param>
    /// <param name="peer">Its socket, where Akka will tell of it again.</param>
    public void Add(string reason, string what, string? peer = null)
    {
        Refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
        counts.AddOrUpdate(reason, 1, (_, count) => count + 1);
        lastPeer = peer ?? lastPeer;
        Warn(reason, $"Refused: {what}");
    }

    /// <summary>This peer was refused just now for a reason that is known better.</summary>
    public bool WasTold(string peer) => lastPeer == peer;

    /// <summary>A line of the log, unless the last one of this kind is too fresh.</summary>
    public void Warn(string kind, string line)
    {
        var last = told.GetOrAdd(kind, _ => new Told());
        lock (last)
        {
            if (last.At is { } at && time.GetElapsedTime(at) < Quiet)
            {
                last.Since++;
                return;
            }

            LogLine(log, last.Since == 0 ? line : string.Create(CultureInfo.InvariantCulture, $"{line} ({last.Since} more of this kind before)"));
            (last.At, last.Since) = (time.GetTimestamp(), 0);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Line}")]
    private static partial void LogLine(ILogger log, string line);

    private sealed class Told
    {
        public long? At { get; set; }

        public long Since { get; set; }
    }
}
