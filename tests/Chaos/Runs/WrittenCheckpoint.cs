using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Pipeline.Chaos.Runs;

/// <summary>A finished checkpoint on the disk, read without the product's code.</summary>
internal sealed record WrittenCheckpoint(string Path, long Step, JsonElement Manifest)
{
    public IReadOnlyList<string> Shards => [.. Manifest.GetProperty("shards").EnumerateArray().Select(shard => System.IO.Path.Combine(Path, shard.GetProperty("file").GetString()!))];

    /// <param name="run">The run's directory.</param>
    /// <returns>By step.</returns>
    public static IReadOnlyList<WrittenCheckpoint> All(string run) =>
    [
        .. Folders(run).Where(path => long.TryParse(Name(path).AsSpan("step-".Length), NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(path => new WrittenCheckpoint(path, long.Parse(Name(path).AsSpan("step-".Length), CultureInfo.InvariantCulture), ReadManifest(path)))
            .OrderBy(checkpoint => checkpoint.Step),
    ];

    /// <summary>What is wrong with the checkpoints of a run that has ended; a line each.</summary>
    public static IEnumerable<string> Problems(string run)
    {
        foreach (var path in Directory.Exists(System.IO.Path.Combine(run, "checkpoints")) ? Directory.EnumerateFileSystemEntries(System.IO.Path.Combine(run, "checkpoints"), "*.partial", SearchOption.AllDirectories) : [])
        {
            yield return $"{System.IO.Path.GetRelativePath(run, path)} is left";
        }

        foreach (var checkpoint in All(run))
        {
            foreach (var shard in checkpoint.Manifest.GetProperty("shards").EnumerateArray())
            {
                var file = System.IO.Path.Combine(checkpoint.Path, shard.GetProperty("file").GetString()!);
                if (!File.Exists(file) || Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))) != shard.GetProperty("sha256").GetString())
                {
                    yield return $"{System.IO.Path.GetRelativePath(run, file)} is not as its manifest says";
                }
            }
        }
    }

    private static IEnumerable<string> Folders(string run) =>
        System.IO.Path.Combine(run, "checkpoints") is var folder && Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "step-*") : [];

    private static string Name(string path) => System.IO.Path.GetFileName(path);

    private static JsonElement ReadManifest(string path) => JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(path, "manifest.json"))).RootElement;
}
