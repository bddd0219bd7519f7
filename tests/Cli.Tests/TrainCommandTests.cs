using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

public sealed class TrainCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TrainCommandTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 30, directory = run }
            model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
            data  { files = text.txt }
            parallel { stages = 2 }
            evaluation { every = 10, batches = 2 }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Lines_tell_the_run_where_the_output_is_no_terminal()
    {
        var (code, output, errors) = Command.Run(folder.Path, "train", "job.hocon");
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split('\n');
        Assert.StartsWith("small: gpt2, ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("stage 0: embedding to h.0, ", lines[1], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("step 30/30  loss ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Validation loss after step 10: ", StringComparison.Ordinal));
        Assert.StartsWith("Completed after step 30: loss ", lines[^3], StringComparison.Ordinal);
        Assert.Equal($"Run: run   checkpoint: {Path.Combine("run", "checkpoints", "step-00000030")}", lines[^2]);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public void Json_is_one_object_and_nothing_else_on_standard_output()
    {
        var (code, output, errors) = Command.Run(folder.Path, "train", "job.hocon", "--json", "--set", "job.steps=5");
        Assert.Equal(0, code);
        using var summary = JsonDocument.Parse(output);
        Assert.Equal("completed", summary.RootElement.GetProperty("outcome").GetString());
        Assert.Equal(5, summary.RootElement.GetProperty("steps").GetInt32());
        Assert.Contains("step 5/5", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public void A_signal_stops_cleanly_with_a_checkpoint_that_resumes(string signal)
    {
        using var command = Command.Start(folder.Path, "train", "job.hocon", "--set", "job.steps=100000");
        command.WaitFor("step 1/");
        command.Signal(signal);
        var (code, output, _) = command.Finish();
        Assert.Equal(130, code);
        Assert.Contains("Interrupted after step ", output, StringComparison.Ordinal);
        var steps = File.ReadLines(folder.File("run/metrics.jsonl")).Count();
        Assert.True(Directory.Exists(folder.File($"run/checkpoints/step-{steps:D8}")));

        (code, output, _) = Command.Run(folder.Path, "train", "job.hocon", "--resume", "--json", "--set", $"job.steps={steps + 3}");
        Assert.Equal(0, code);
        Assert.Equal(Enumerable.Range(1, steps + 3), Steps());
    }

    [Fact]
    public void A_failing_run_ends_with_one_sentence_and_exit_code_1()
    {
        // A folder where the second checkpoint's must go: the rename fails, as on a full or broken disk.
        using var command = Command.Start(folder.Path, "train", "job.hocon", "--set", "job.steps=100000", "--set", "checkpoint.every=20000");
        command.WaitFor("step 1/");
        Directory.Delete(folder.File("run/checkpoints"), recursive: true);
        File.WriteAllText(folder.File("run/checkpoints"), "in the way");
        command.Signal("INT");
        var (code, _, errors) = command.Finish();
        Assert.Equal(1, code);
        Assert.Matches("^The last checkpoint, of step [0-9]+, could not be written: .+ There is no checkpoint yet.", errors);
        Assert.Single(errors.Trim().Split('\n'));
    }

    private IEnumerable<int> Steps() =>
        File.ReadLines(folder.File("run/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32());
}
