using System.Diagnostics;
using System.Text.Json;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>The newest steps of a run as a Chrome trace (opens in Perfetto): one track a stage, one slice an action.</summary>
internal sealed class ChromeTrace
{
    /// <summary>Enough to see the steady state; the file stays small for any number of steps.</summary>
    private const int Steps = 50;

    private readonly Queue<(long Step, int Stage, StageTimes Times)> newest = new();

    public void Add(long step, int stage, StageTimes times)
    {
        newest.Enqueue((step, stage, times));
        while (newest.Peek().Step <= step - Steps)
        {
            newest.Dequeue();
        }
    }

    public void Write(string path)
    {
        var origin = newest.SelectMany(entry => entry.Times.Actions).Select(action => action.Start).DefaultIfEmpty().Min();
        using var stream = new FileStream(path, FileMode.Create);
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        foreach (var stage in newest.Select(entry => entry.Stage).Distinct().Order())
        {
            json.WriteStartObject();
            json.WriteString("ph", "M");
            json.WriteString("name", "thread_name");
            json.WriteNumber("pid", 0);
            json.WriteNumber("tid", stage);
            json.WriteStartObject("args");
            json.WriteString("name", $"stage {stage}");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        foreach (var (step, stage, times) in newest)
        {
            foreach (var (action, start, end) in times.Actions)
            {
                json.WriteStartObject();
                json.WriteString("ph", "X");
                json.WriteString("name", action.ToString());
                json.WriteString("cat", action.Kind == ActionKind.Forward ? "forward" : "backward");
                json.WriteNumber("pid", 0);
                json.WriteNumber("tid", stage);
                json.WriteNumber("ts", Stopwatch.GetElapsedTime(origin, start).TotalMicroseconds);
                json.WriteNumber("dur", Stopwatch.GetElapsedTime(start, end).TotalMicroseconds);
                json.WriteStartObject("args");
                json.WriteNumber("step", step);
                json.WriteNumber("micro_batch", action.MicroBatch);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
