using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Runs;

/// <summary>Reads back what <see cref="ChromeTrace"/> wrote.</summary>
public static class ChromeTraceReader
{
    private const long MostBytes = 256 << 20;

    /// <param name="path">An existing file.</param>
    /// <exception cref="BadInputException">It is not a run's trace, or damaged.</exception>
    public static RunTrace Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > MostBytes)
            {
                throw new BadInputException($"{path} is larger than {MostBytes >> 20} MiB; no run writes such a trace.");
            }

            using var document = JsonDocument.Parse(stream);
            return Read(path, document.RootElement);
        }
        catch (Exception failure) when (
            failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path} cannot be read as a run's trace: {failure.Message.Split('\n')[0]}", failure);
        }
    }

    private static RunTrace Read(string path, JsonElement root)
    {
        var events = root.GetProperty("traceEvents").EnumerateArray();
        var slices = events.Where(entry => entry.GetProperty("ph").GetString() == "X").Select(Read).ToLookup(slice => slice.Step);
        StepTrace[] steps = [.. slices.OrderBy(step => step.Key).Select(step => new StepTrace(step.Key, Ranks(step)))];
        return steps.Length > 0
            ? new(CommonSchedule(root.GetProperty("otherData"), steps), steps)
            : throw new BadInputException($"{path} holds no step: the run ended before its first.");
    }

    private static Slice Read(JsonElement slice)
    {
        var (start, length) = (slice.GetProperty("ts").GetDouble() / 1e6, slice.GetProperty("dur").GetDouble() / 1e6);
        if (!double.IsFinite(start + length) || length < 0)
        {
            throw new FormatException("a slice ends before it starts.");
        }

        return new(
            slice.GetProperty("args").GetProperty("step").GetInt64(),
            slice.GetProperty("tid").GetInt32(),
            slice.GetProperty("cat").GetString() == ChromeTrace.Optimizer ? null : PipelineAction.Parse(slice.GetProperty("name").GetString()!),
            new(start, start + length));
    }

    private static RankTrace[] Ranks(IGrouping<long, Slice> step)
    {
        var ranks = step.GroupBy(slice => slice.Rank).OrderBy(rank => rank.Key).ToArray();
        if (ranks[0].Key != 0 || ranks[^1].Key != ranks.Length - 1)
        {
            throw new FormatException($"step {step.Key} lacks a stage.");
        }

        return [.. ranks.Select(rank => new RankTrace(
            [.. rank.Where(slice => slice.Action is not null).OrderBy(slice => slice.Span.Start)
                .Select(slice => new TimedAction(slice.Action!.Value, slice.Span.Start, slice.Span.End))],
            rank.Where(slice => slice.Action is null).Select(slice => (TimedSpan?)slice.Span).SingleOrDefault()))];
    }

    /// <summary>The rows that all steps ran, checked as those of a run that starts are.</summary>
    private static Schedule CommonSchedule(JsonElement about, StepTrace[] steps)
    {
        var first = Rows(steps[0]);
        var schedule = new Schedule(about.GetProperty("schedule").GetString()!, about.GetProperty("micro_batches").GetInt32(), first);
        ScheduleValidator.Validate(schedule);
        foreach (var step in steps)
        {
            if (!Rows(step).Zip(first).All(pair => pair.First.SequenceEqual(pair.Second)) || step.Ranks.Count != first.Length)
            {
                throw new FormatException($"step {step.Step} ran other actions than step {steps[0].Step}.");
            }
        }

        return schedule;
    }

    private static PipelineAction[][] Rows(StepTrace step) => [.. step.Ranks.Select(rank => rank.Actions.Select(timed => timed.Action).ToArray())];

    /// <param name="Action">Null for the optimizer.</param>
    private readonly record struct Slice(long Step, int Rank, PipelineAction? Action, TimedSpan Span);
}
