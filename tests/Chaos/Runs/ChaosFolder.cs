using Pipeline.Tests;

namespace Pipeline.Chaos.Runs;

/// <summary>What a job reads.</summary>
internal static class ChaosFolder
{
    public static void Fill(TemporaryFolder folder, ChaosJob job)
    {
        File.WriteAllText(folder.File(ChaosJob.TextFile), string.Join(' ', Enumerable.Range(0, 4000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), job.Text);
    }
}
