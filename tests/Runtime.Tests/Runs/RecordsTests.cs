using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>The run directory as documented: others parse it.</summary>
public class RecordsTests
{
    [Fact]
    public async Task Every_committed_step_has_one_line_with_every_key()
    {
        using var run = new TestRun();
        await run.RunAsync("parallel.stages=2", "evaluation.every=5", "evaluation.batches=2");
        var lines = Lines(run, "metrics.jsonl");
        Assert.Equal(Enumerable.Range(1, 12), lines.Select(line => line.GetProperty("step").GetInt32()));
        foreach (var (line, step) in lines.Zip(run.Steps))
        {
            Assert.Equal(
                [
                    "step", "epoch", "loss", "skipped", "validation_loss", "grad_norm", "learning_rate", "tokens", "step_seconds", "tokens_per_second",
                    "bubble", "stages", "accuracy", "sequence_accuracy", "rmse", "validation_accuracy", "validation_sequence_accuracy", "validation_rmse",
                ],
                line.EnumerateObject().Select(property => property.Name));
            Assert.Equal(
                ["stage", "busy_seconds", "bubble", "transfer_seconds", "peak_in_flight"],
                line.GetProperty("stages")[1].EnumerateObject().Select(property => property.Name));
            Assert.Equal(step.Loss, line.GetProperty("loss").GetDouble());
            Assert.Equal(step.Step is 5 or 10 or 12, line.GetProperty("validation_loss").ValueKind == JsonValueKind.Number);
            Assert.Equal(12 * 16, line.GetProperty("tokens").GetInt32());
            Assert.InRange(line.GetProperty("bubble").GetDouble(), 0, 1);
        }

        Assert.Equal([2, 1], lines[^1].GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("peak_in_flight").GetInt32()));
    }

    [Fact]
    public async Task The_directory_holds_the_job_the_events_the_summary_and_a_trace()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("parallel.stages=2");
        Assert.Contains("micro-batches = 4", await File.ReadAllTextAsync(Path.Combine(run.Directory, "job.hocon"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(["start", "checkpoint", "end"], Lines(run, "events.jsonl").Select(line => line.GetProperty("kind").GetString()!));
        var written = Lines(run, "summary.json")[0];
        Assert.Equal(summary.FinalLoss, written.GetProperty("final_loss").GetDouble());
        Assert.Equal(2, written.GetProperty("stages").GetArrayLength());
        using var trace = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(run.Directory, "trace.json"), TestContext.Current.CancellationToken));
        var slices = trace.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() == "X").ToArray();
        Assert.Equal(12 * 2 * (8 + 1), slices.Length);
        Assert.All(slices, slice => Assert.True(slice.GetProperty("ts").GetDouble() >= 0 && slice.GetProperty("dur").GetDouble() > 0));
    }

    public static TheoryData<string> Schedules => [.. ScheduleCatalog.Names];

    [Theory]
    [MemberData(nameof(Schedules))]
    public async Task As_many_activations_are_alive_as_the_simulator_says(string schedule)
    {
        using var run = new TestRun();
        await run.RunAsync($"parallel={{stages=2,schedule={schedule}}}", "job.steps=2");
        var chunks = ScheduleCatalog.DefaultChunks(schedule);
        var simulated = ScheduleCatalog.Create(schedule, 2, chunks, 4);
        var peaks = Simulator.Run(simulated, ActionTimes.PerRank(simulated, 1, 1, 1)).PeakActivations;
        Assert.All(run.Steps, step => Assert.Equal(peaks, step.Stages.Select(stage => (double)stage.PeakInFlight / chunks)));
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(2, "1 2")]
    [InlineData(9, "1 2 3")]
    public void Metrics_of_later_steps_and_a_line_cut_short_go(long last, string left)
    {
        using var folder = new TemporaryFolder();
        using var directory = new RunDirectory(folder.Path);
        directory.CutMetrics(last);   // there are none
        Assert.False(File.Exists(directory.Metrics));
        string[] lines = ["{\"step\":1,\"loss\":2.5}", "{\"step\":2,\"loss\":1.5}", "{\"step\":3,\"loss\":0.5}"];
        File.WriteAllText(directory.Metrics, string.Join('\n', lines) + "\n{\"step\":4,\"lo");
        directory.CutMetrics(last);
        Assert.Equal(lines.Take(left.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length), File.ReadLines(directory.Metrics));
        Assert.Equal([directory.Metrics], Directory.EnumerateFiles(folder.Path));
    }

    [Fact]
    public async Task An_earlier_run_is_moved_aside()
    {
        using var run = new TestRun();
        Directory.CreateDirectory(run.Directory);   // empty: nothing to move
        await run.RunAsync("job.steps=1");
        Assert.False(Directory.Exists(run.Directory + ".1"));
        await run.RunAsync("job.steps=2");
        await run.RunAsync("job.steps=3");
        Assert.Equal([3, 1, 2], new[] { "", ".1", ".2" }.Select(suffix => File.ReadLines(Path.Combine(run.Directory + suffix, "metrics.jsonl")).Count()));
    }

    [Fact]
    public void A_folder_that_is_no_run_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("thesis.txt"), "mine");
        var refusal = Assert.Throws<BadInputException>(() => new RunDirectory(folder.Path).Check("job.hocon"));
        Assert.Equal($"job.directory: {folder.Path} is not a run directory (it has no events.jsonl); choose an empty or a new folder.", refusal.Message);
        refusal = Assert.Throws<BadInputException>(() => new RunDirectory(folder.File("thesis.txt")).Check("job.hocon"));
        Assert.Equal($"job.directory: {folder.File("thesis.txt")} is a file; a folder is needed.", refusal.Message);
    }

    [Fact]
    public void A_directory_that_holds_the_job_file_is_refused()
    {
        using var folder = new TemporaryFolder();
        var refusal = Assert.Throws<BadInputException>(() => new RunDirectory(folder.Path + "/").Check(folder.File("job.hocon")));
        Assert.Equal($"job.directory: {folder.Path} holds the working directory or the job file; choose a folder of its own.", refusal.Message);
    }

    [Fact]
    public async Task A_directory_that_another_run_is_using_is_refused()
    {
        using var run = new TestRun();
        string? sentence = null;
        run.OnStep = step => sentence ??= Record.Exception(() => new RunDirectory(run.Directory).Begin("", ""))?.Message;
        await run.RunAsync("job.steps=2");
        Assert.Equal($"job.directory: {run.Directory} is in use by another run; choose another folder.", sentence);
    }

    [Fact]
    public async Task A_manifest_names_everything_a_checkpoint_is()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("parallel.stages=2");
        var manifest = Manifest.Read(summary.Checkpoint!);
        Assert.Equal((2, 12, 1, 3, "chars"), (manifest.Format, manifest.Step, manifest.Epoch, manifest.Seed, manifest.Tokenizer));
        Assert.Equal(" 0123456789ist", manifest.Characters);
        Assert.Equal("text.txt", Assert.Single(manifest.Data).Path);
        Assert.Equal(["stage-0.safetensors", "stage-1.safetensors"], manifest.Shards.Select(shard => shard.File));
        Assert.Contains("h.0.attn.c_attn.weight", manifest.Shards[0].Tensors);
        Assert.Contains("optimizer.exp_avg_sq.ln_f.weight", manifest.Shards[1].Tensors);
        Assert.Equal(12, Checkpoint.Open(summary.Checkpoint!).Manifest.Step);
    }

    private static IReadOnlyList<JsonElement> Lines(TestRun run, string file) =>
        [.. File.ReadLines(Path.Combine(run.Directory, file)).Select(line => JsonDocument.Parse(line).RootElement)];
}
