using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>What the README tells a newcomer to type works.</summary>
public partial class ReadmeTests
{
    [Fact]
    public void The_first_command_trains_and_its_loss_falls()
    {
        using var folder = new TemporaryFolder();
        var arguments = Commands().First(command => command.Contains("examples/quickstart.hocon", StringComparison.Ordinal)).Split(" -- ")[1].Split(' ');
        var (code, output, errors) = Command.Run(
            Command.Repository, [.. arguments, "--json", "--set", "job.steps=40", "--set", "evaluation.batches=2", "--set", $"job.directory={folder.File("run")}"]);
        Assert.True(code == 0, errors);
        using var summary = JsonDocument.Parse(output);
        Assert.Equal(2, summary.RootElement.GetProperty("stages").GetArrayLength());
        Assert.InRange(summary.RootElement.GetProperty("first_loss").GetDouble(), 5, 6);   // ln 256 = 5.55
        Assert.InRange(summary.RootElement.GetProperty("final_loss").GetDouble(), 2, 4.5);
        Assert.Equal(40, File.ReadLines(folder.File("run/metrics.jsonl")).Count());
    }

    [Fact]
    public void Continuous_integration_runs_exactly_the_READMEs_test_command() =>
        Assert.Contains(
            Commands().First(command => command.StartsWith("dotnet test", StringComparison.Ordinal)) + " 2>&1 | tee",
            File.ReadAllText(Path.Combine(Command.Repository, ".ci", "run")),
            StringComparison.Ordinal);

    [Fact]
    public void Every_file_the_README_links_to_exists() => Assert.All(
        Link().Matches(Readme()).Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal)),
        target => Assert.True(Path.Exists(Path.Combine(Command.Repository, target.Split('#')[0])), target));

    private static string[] Commands() => [.. Readme().Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("dotnet ", StringComparison.Ordinal))];

    private static string Readme() => File.ReadAllText(Path.Combine(Command.Repository, "README.md"));

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex Link();
}
