using System.Text;
using System.Text.Json;

namespace Pipeline.Chaos.Runs;

/// <summary>Watches a run's metrics from outside: when which step was last seen committed.</summary>
internal sealed class Progress(string run)
{
    private const int Tail = 1 << 16;

    private readonly string path = Path.Combine(run, "metrics.jsonl");
    private readonly List<(DateTimeOffset Time, long Epoch, long Step)> seen = [];
    private (long Length, DateTime Written) looked;

    public long Step => seen.Count == 0 ? 0 : seen[^1].Step;

    public DateTimeOffset LastChange => seen.Count == 0 ? DateTimeOffset.MinValue : seen[^1].Time;

    public void Look()
    {
        var file = new FileInfo(path);
        if (!file.Exists || looked == (file.Length, file.LastWriteTimeUtc))
        {
            return;
        }

        looked = (file.Length, file.LastWriteTimeUtc);
        if (LastLine() is var (epoch, step) && (seen.Count == 0 || (seen[^1].Epoch, seen[^1].Step) != (epoch, step)))
        {
            seen.Add((DateTimeOffset.UtcNow, epoch, step));
        }
    }

    /// <summary>How long after a time it took until a step came that had not been committed then; null where none came, or the run was not thrown back.</summary>
    public TimeSpan? Recovered(DateTimeOffset from)
    {
        var before = seen.FindAll(entry => entry.Time <= from);
        var (newest, epoch) = before.Count == 0 ? (0, 0) : (before.Where(entry => entry.Epoch == before[^1].Epoch).Max(entry => entry.Step), before[^1].Epoch);
        var next = seen.FindIndex(entry => entry.Time > from && entry.Epoch > epoch && entry.Step > newest);
        return next < 0 ? null : seen[next].Time - from;
    }

    private (long Epoch, long Step)? LastLine()
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Seek(-Math.Min(Tail, stream.Length), SeekOrigin.End);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var text = reader.ReadToEnd();
        var end = text.LastIndexOf('\n');   // what follows is being written
        if (end <= 0)
        {
            return null;
        }

        var line = JsonDocument.Parse(text[(text.LastIndexOf('\n', end - 1) + 1)..end]).RootElement;
        return (line.GetProperty("epoch").GetInt64(), line.GetProperty("step").GetInt64());
    }
}
