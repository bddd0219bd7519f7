using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A run with checkpoints of the steps 2, 4 and 6, as small as one can be.</summary>
public sealed class SavedRun : IAsyncLifetime
{
    private static readonly string[] Settings = ["job.steps=6", "checkpoint.every=2", "parallel.stages=2"];

    internal TestRun Run { get; } = new(model: new Gpt2Settings("gpt2", Layers: 2, Width: 8, Heads: 2, Context: 8));

    public string Folder => Path.Combine(Run.Directory, "checkpoints");

    public string Newest => Of(6);

    public async ValueTask InitializeAsync() => Assert.Equal("completed", (await Run.RunAsync(Settings)).Outcome);

    public ValueTask DisposeAsync()
    {
        Run.Dispose();
        return ValueTask.CompletedTask;
    }

    public string Of(long step) => Path.Combine(Folder, $"step-{step:D8}");

    /// <summary>The newest whole one by its step, and why others were passed over.</summary>
    internal static (long? Step, IReadOnlyList<string> Reasons) Look(string folder)
    {
        var reasons = new List<string>();
        var found = CheckpointFolder.Newest(folder, (_, reason) => reasons.Add(reason));
        return (found?.Manifest.Step, reasons);
    }

    /// <summary>A copy of the checkpoints, to be damaged.</summary>
    internal static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
