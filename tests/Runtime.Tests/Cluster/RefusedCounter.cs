using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>Listens to what the nodes of this process refuse.</summary>
internal sealed class RefusedCounter : IDisposable
{
    private readonly ConcurrentDictionary<string, long> counts = new();
    private readonly MeterListener listener = new();

    public RefusedCounter()
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument is { Meter.Name: "Pipeline", Name: "pipeline.cluster.refused" })
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counts.AddOrUpdate((string)tags[0].Value!, value, (_, sum) => sum + value));
        listener.Start();
    }

    public long this[string reason] => counts.GetValueOrDefault(reason);

    /// <summary>Until it is above <paramref name="before"/>; fails after twenty seconds.</summary>
    /// <param name="again">Every two seconds: a message sent while its association is being made anew is lost.</param>
    public async Task WaitAsync(string reason, long before = 0, Action? again = null)
    {
        for (var tries = 1; this[reason] <= before; tries++)
        {
            if (tries % 40 == 0)
            {
                again?.Invoke();
            }

            Assert.True(tries < 400, $"Nothing was refused for the reason {reason}; counted are {string.Join(", ", counts)}.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public void Dispose() => listener.Dispose();
}
