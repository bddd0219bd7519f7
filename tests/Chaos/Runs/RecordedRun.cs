using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Pipeline.Chaos.Runs;

/// <summary>What a run has left in its directory, as far as another run of the same job must have left the same.</summary>
internal sealed partial record RecordedRun(
    IReadOnlyList<RecordedStep> Steps, IReadOnlyList<RecordedEvent> Events, IReadOnlyDictionary<string, string> Weights)
{
    /// <summary>Of a line of metrics.jsonl, all that the time does not change.</summary>
    private static readonly string[] Exact =
    [
        "loss", "skipped", "grad_norm", "validation_loss", "learning_rate", "tokens", "accuracy", "sequence_accuracy", "rmse",
        "validation_accuracy", "validation_sequence_accuracy", "validation_rmse",
    ];

    /// <param name="directory">The run's; the run has ended.</param>
    public static RecordedRun Read(string directory) => new(
        [.. Lines(directory, "metrics.jsonl").Select(line => new RecordedStep(
            line.GetProperty("step").GetInt64(),
            line.GetProperty("epoch").GetInt64(),
            string.Join(' ', Exact.Select(key => line.TryGetProperty(key, out var value) ? $"{key}={value.GetRawText()}" : $"{key} is missing"))))],
        ReadEvents(directory),
        WeightsOf(directory));

    public static IReadOnlyList<RecordedEvent> ReadEvents(string directory) =>
    [
        .. Lines(directory, "events.jsonl").Select(line => new RecordedEvent(
            line.GetProperty("time").GetDateTimeOffset(), line.GetProperty("kind").GetString()!, line.GetProperty("step").GetInt64(), line.GetProperty("message").GetString()!)),
    ];

    /// <summary>The first epoch's, then one a recovery: the step behind which it began.</summary>
    public IReadOnlyList<(long Epoch, long Step)> Epochs =>
    [
        (1, 0),
        .. Events.Where(one => one.Kind == "recovery").Select(one => WentOn.Match(one.Message)).Where(match => match.Success)
            .Select(match => (long.Parse(match.Groups[2].ValueSpan, null), long.Parse(match.Groups[1].ValueSpan, null))),
    ];

    private static IEnumerable<JsonElement> Lines(string directory, string file) => Path.Combine(directory, file) is var path && File.Exists(path)
        ? File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)
        : [];

    /// <summary>The hash of every tensor of the last checkpoint, and what its manifest knows of the optimizer; whatever file they are in.</summary>
    private static Dictionary<string, string> WeightsOf(string directory)
    {
        var weights = new Dictionary<string, string>(StringComparer.Ordinal);
        if (WrittenCheckpoint.All(directory) is not [.., var last])
        {
            return weights;
        }

        foreach (var shard in last.Shards)
        {
            var bytes = File.ReadAllBytes(shard).AsMemory();
            var header = 8 + (int)BitConverter.ToInt64(bytes.Span);
            foreach (var entry in JsonDocument.Parse(bytes[8..header]).RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
            {
                var offsets = entry.Value.GetProperty("data_offsets");
                var content = bytes[header..].Span[offsets[0].GetInt32()..offsets[1].GetInt32()];
                weights.Add(entry.Name, $"{entry.Value.GetProperty("dtype")} {entry.Value.GetProperty("shape").GetRawText()} {Convert.ToHexStringLower(SHA256.HashData(content))}");
            }
        }

        weights.Add("step", $"{last.Step}");
        weights.Add("lbfgs", last.Manifest.TryGetProperty("lbfgs", out var lbfgs) ? JsonSerializer.Serialize(lbfgs) : "null");
        return weights;
    }

    [GeneratedRegex("the run goes on after step ([0-9]+), from .*, in epoch ([0-9]+)")]
    private static partial Regex WentOn { get; }
}

/// <param name="Text">Everything in it that must be equal, to the last bit.</param>
internal sealed record RecordedStep(long Step, long Epoch, string Text);

internal sealed record RecordedEvent(DateTimeOffset Time, string Kind, long Step, string Message);
