using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Counts what a process's end of the plane refused.</summary>
/// <param name="refused">Told one sentence each, on the threads of the plane; null where nobody listens.</param>
internal sealed class Refusals(Action<string>? refused)
{
    private static readonly Meter Meter = new("Pipeline");
    private static readonly Counter<long> Counter =
        Meter.CreateCounter<long>("pipeline.plane.refused", description: "Connections and messages that the tensor plane refused.");

    private readonly long[] counts = new long[Enum.GetValues<Refusal>().Length];

    /// <summary>Since the start.</summary>
    public ImmutableDictionary<Refusal, long> Counts =>
        Enum.GetValues<Refusal>().ToImmutableDictionary(reason => reason, reason => Interlocked.Read(ref counts[(int)reason]));

    public long Total => Counts.Values.Sum();

    public void Add(Refusal reason, string sentence)
    {
        Interlocked.Increment(ref counts[(int)reason]);
        Counter.Add(1, new KeyValuePair<string, object?>("reason", reason.ToString()));
        refused?.Invoke(sentence);
    }
}
