using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>The promise on the README's page: what a network was trained on is found on its edges.</summary>
public class SymbolicExampleTests
{
    [Fact]
    public void A_sine_a_square_and_an_exponential_are_found_in_the_example_that_learned_them()
    {
        using var folder = new TemporaryFolder();
        var job = Path.Combine(Command.Repository, "examples", "kan-symbolic.hocon");
        var (code, summary, errors) = Command.Run(folder.Path, "train", job, "--json", "--set", "job.directory=run");
        Assert.True(code == 0, errors);
        Assert.InRange(JsonDocument.Parse(summary).RootElement.GetProperty("final_validation_rmse").GetDouble(), 0, 1e-3);

        (code, var output, errors) = Command.Run(folder.Path, "inspect", "run", "--functions", "--json", "--picture", "functions.svg");
        Assert.Equal((0, ""), (code, errors));
        var best = JsonDocument.Parse(output).RootElement.GetProperty("layers").EnumerateArray()
            .SelectMany(layer => layer.GetProperty("edges").EnumerateArray())
            .Select(edge => edge.GetProperty("candidates")[0]).ToArray();
        Assert.Equal(["sin", "x^2", "exp"], best.Select(candidate => candidate.GetProperty("function").GetString()));
        Assert.All(best, candidate => Assert.InRange(candidate.GetProperty("r2").GetDouble(), 0.99, 1));
        Assert.Equal(Math.PI, Math.Abs(best[0].GetProperty("a").GetDouble()), 0.01);
        Assert.True(File.Exists(Path.Combine(folder.Path, "functions.svg")));
    }
}
