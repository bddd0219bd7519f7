using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Stages.Transformer;

namespace Pipeline.Cli.Tests;

/// <summary>The tables in framework/docs name what there is.</summary>
public class DocsTests
{
    [Fact]
    public void Every_key_of_a_job_file_is_listed_with_its_default()
    {
        var documented = File.ReadLines(Path.Combine(Command.Repository, "framework", "docs", "job-file.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|')[1].Trim(' ', '`'));
        var job = new JobFile(
            new(), new Gpt2Settings("gpt2", 1, 1, 1, 1, Vocabulary: 1), new(["x"], Cache: "x"), new(), Everything, new(), new(), new(), new());
        Assert.Equal(Keys(SettingsWriter.Write(job)).Order(), documented.Order());
    }

    /// <summary>Keys without a value are not written, so each has one.</summary>
    private static ParallelSettings Everything { get; } = new(Chunks: 1, ScheduleFile: "x", ActivationLimit: 1, MemoryLimit: "1", ShardOptimizer: true, Placement: ["x"]);

    [Fact]
    public void Every_key_of_a_metrics_line_is_listed()
    {
        var text = File.ReadAllText(Path.Combine(Command.Repository, "framework", "docs", "run-directory.md"));
        var names = typeof(StepMetrics).GetProperties().Concat(typeof(StageMetrics).GetProperties())
            .Select(property => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        Assert.All(names, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Keys(string hocon)
    {
        var section = "";
        foreach (var line in hocon.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.EndsWith('{'))
            {
                section = line.Split(' ')[0] + ".";
            }
            else if (line == "}")
            {
                section = "";
            }
            else
            {
                yield return section + line.Split(' ')[0];
            }
        }
    }
}
