using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Tests.Generation;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A run with checkpoints of the steps 4 and 6, which have all that one can have: moments in pieces, averages, what sequences carry, and a tokenizer.</summary>
public sealed class SavedReasoner : IAsyncLifetime
{
    private static readonly string[] Settings =
        ["job.steps=6", "checkpoint={every=2,keep=2}", "parallel={stages=2,replicas=2,split=even}", "optimizer.ema=0.9", .. SmallModel.DataOf(SmallModel.SettingsOf("trm"))];

    private readonly TestRun run = new(model: SmallModel.SettingsOf("trm"));

    public string Folder => Path.Combine(run.Directory, "checkpoints");

    public async ValueTask InitializeAsync()
    {
        Assert.Equal("completed", (await run.RunAsync(Settings)).Outcome);
        await File.WriteAllTextAsync(Path.Combine(run.Directory, "tokenizer.json"), "{ \"model\": {} }");
        await File.WriteAllTextAsync(Path.Combine(run.Directory, "merges.txt"), "a b\n");
        foreach (var checkpoint in Directory.EnumerateDirectories(Folder))
        {
            // As in a run that goes on from an imported model.
            var manifest = Manifest.Read(checkpoint) with { TokenizerFiles = TokenizerFiles.Copy(run.Directory, Path.Combine(checkpoint, TokenizerFiles.Folder)) };
            File.Delete(Path.Combine(checkpoint, Manifest.FileName));
            manifest.Write(checkpoint);
        }
    }

    public ValueTask DisposeAsync()
    {
        run.Dispose();
        return ValueTask.CompletedTask;
    }
}
