using Pipeline.Cli.Tests;
using Pipeline.Tests;

namespace Pipeline.Chaos.Runs;

/// <summary>What jobs come to when nothing happens to them: in one process, once for each job and the numbers in it that are made to go wrong.</summary>
internal sealed class References
{
    private readonly Dictionary<string, RecordedRun> known = [];

    public RecordedRun Of(DrawnRun run)
    {
        string[] wrong = [.. run.Faults.Where(fault => fault.ChangesResult).Select(fault => fault.Text)];
        var key = $"{run.Job.Name}: {string.Join("; ", wrong)}";
        if (!known.TryGetValue(key, out var record))
        {
            using var folder = new TemporaryFolder();
            ChaosFolder.Fill(folder, run.Job);
            var (code, _, errors) = Command.Run(folder.Path, ["train", "job.hocon", .. wrong.SelectMany(fault => new[] { "--inject", fault })]);
            record = code == 0 ? RecordedRun.Read(folder.File("run")) : throw new InvalidOperationException($"{key} fails undisturbed: {errors}");
            known.Add(key, record);
        }

        return record;
    }
}
