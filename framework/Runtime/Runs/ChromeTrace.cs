using System.Text.Json;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <summary>Writes a trace in Chrome's format (opens in Perfetto): one track a rank, one slice an action or optimizer, one arrow a transfer.</summary>
internal sealed class ChromeTrace : IDisposable
{
    internal const string Optimizer = "optimizer";

    private readonly RunTrace trace;
    private readonly Utf8JsonWriter json;
    private int arrows;

    private ChromeTrace(Stream stream, RunTrace trace) => (json, this.trace) = (new(stream), trace);

    public static void Write(Stream stream, RunTrace trace)
    {
        using var chrome = new ChromeTrace(stream, trace);
        chrome.Write();
    }

    public void Dispose() => json.Dispose();

    /// <summary>The category of an action's slice.</summary>
    internal static string Category(ActionKind kind) => kind switch
    {
        ActionKind.Forward => "forward",
        ActionKind.Backward => "backward",
        ActionKind.InputGradient => "input gradient",
        _ => "weight gradient",
    };

    private void Write()
    {
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartObject("otherData");
        json.WriteString("schedule", trace.Schedule.Name);
        json.WriteNumber("micro_batches", trace.Schedule.MicroBatches);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        for (var rank = 0; rank < trace.Schedule.Ranks.Count; rank++)
        {
            Track(rank);
        }

        foreach (var step in trace.Steps)
        {
            // Slices before arrows: a viewer ties an arrow to the slice that is open on its track when it reads the arrow.
            Slices(step);
            Arrows(step);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void Track(int rank)
    {
        Begin("M", "thread_name", rank);
        json.WriteStartObject("args");
        json.WriteString("name", $"stage {rank}");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void Slices(StepTrace step)
    {
        for (var rank = 0; rank < step.Ranks.Count; rank++)
        {
            foreach (var (action, start, end) in step.Ranks[rank].Actions)
            {
                Slice(rank, action.ToString(), Category(action.Kind), new(start, end), step.Step, action.MicroBatch);
            }

            if (step.Ranks[rank].Optimizer is { } optimizer)
            {
                Slice(rank, Optimizer, Optimizer, optimizer, step.Step, null);
            }
        }
    }

    private void Slice(int rank, string name, string category, TimedSpan span, long step, int? microBatch)
    {
        Begin("X", name, rank);
        json.WriteString("cat", category);
        json.WriteNumber("ts", Microseconds(Nanoseconds(span.Start)));
        json.WriteNumber("dur", Microseconds(Nanoseconds(span.End) - Nanoseconds(span.Start)));
        json.WriteStartObject("args");
        json.WriteNumber("step", step);
        if (microBatch is { } number)
        {
            json.WriteNumber("micro_batch", number);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void Arrows(StepTrace step)
    {
        foreach (var (handOver, given, taken, _) in trace.Transfers(step))
        {
            var name = handOver.Kind == HandOverKind.Activation ? "activation" : "gradient";
            arrows++;
            // In the last nanosecond of the sending slice: at its very end it would be closed already.
            Arrow("s", name, trace.Schedule.RankOf(handOver.Sender), Math.Max(Nanoseconds(given.Start), Nanoseconds(given.End) - 1));
            Arrow("f", name, trace.Schedule.RankOf(handOver.Stage), Nanoseconds(taken.Start));
        }
    }

    private void Arrow(string phase, string name, int rank, long nanoseconds)
    {
        Begin(phase, name, rank);
        json.WriteString("cat", "transfer");
        json.WriteNumber("id", arrows);
        json.WriteNumber("ts", Microseconds(nanoseconds));
        if (phase == "f")
        {
            json.WriteString("bp", "e");   // ends at the slice around it, not at the next one
        }

        json.WriteEndObject();
    }

    /// <summary>Starts an event; process 0 is the idle one to some viewers, so the run is process 1.</summary>
    private void Begin(string phase, string name, int rank)
    {
        json.WriteStartObject();
        json.WriteString("ph", phase);
        json.WriteString("name", name);
        json.WriteNumber("pid", 1);
        json.WriteNumber("tid", rank);
    }

    private static long Nanoseconds(double seconds) => (long)Math.Round(seconds * 1e9);

    private static double Microseconds(long nanoseconds) => nanoseconds / 1000.0;
}
