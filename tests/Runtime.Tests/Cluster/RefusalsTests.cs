using Microsoft.Extensions.Logging;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Every refusal is counted, and a line is written for the first of a second.</summary>
[Collection(nameof(Runs.Alone))]
public class RefusalsTests
{
    [Fact]
    public void A_reason_has_at_most_one_line_a_second_and_every_refusal_counts()
    {
        using var counter = new RefusedCounter();
        var (log, clock) = (new Lines(), new Clock());
        var refusals = new Refusals(log, clock);
        foreach (var _ in Enumerable.Range(0, 3))
        {
            refusals.Add(Refusals.Frame, "garbage.");
        }

        refusals.Add(Refusals.Untrusted, "a stranger.");
        clock.Now += TimeSpan.FromSeconds(1);
        refusals.Add(Refusals.Frame, "garbage.");
        Assert.Equal((4, 1), (counter[Refusals.Frame], counter[Refusals.Untrusted]));
        Assert.Equal(["Refused: garbage.", "Refused: a stranger.", "Refused: garbage. (2 more of this kind before)"], log);
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class Lines : List<string>, ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Add(formatter(state, exception));
    }
}
