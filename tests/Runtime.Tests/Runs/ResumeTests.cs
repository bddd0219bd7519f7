using Pipeline.Core;
using Pipeline.Core.Tests.Data.Tokenizers;

namespace Pipeline.Runtime.Tests.Runs;

public class ResumeTests
{
    [Theory]
    [InlineData("parallel.stages=2", "parallel.stages=2")]
    [InlineData("parallel.stages=2", "parallel.stages=1")]
    [InlineData("parallel.stages=1", "parallel.stages=4")]
    [InlineData("parallel={stages=2,schedule=zb-v}", "parallel={stages=2,schedule=interleaved-1f1b}")]
    [InlineData("parallel={stages=2,schedule=zb-v}", "parallel={stages=4,recompute=stage}")]
    [InlineData("parallel={stages=2,schedule=looped-bfs}", "parallel={stages=1,schedule=looped-bfs,chunks=1}")]
    public async Task A_resumed_run_has_the_losses_of_one_that_was_never_stopped(string before, string after)
    {
        using var straight = new TestRun();
        await straight.RunAsync(before);
        using var stopped = new TestRun();
        using var stop = new CancellationTokenSource();
        stopped.OnStep = step =>
        {
            if (step.Step == 5)
            {
                stop.Cancel();
            }
        };
        var first = await stopped.RunAsync(false, [before], null, stop.Token);
        Assert.Equal("interrupted", first.Outcome);
        Assert.InRange(first.Steps, 5, 7);
        var second = await stopped.ResumeAsync(after);
        Assert.Equal("completed", second.Outcome);
        Assert.Equal(straight.Metrics(), stopped.Metrics());
    }

    [Fact]
    public async Task A_damaged_checkpoint_is_passed_over_and_the_run_says_which_and_why()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        var straight = run.Metrics();
        var newest = Path.Combine(run.Directory, "checkpoints", "step-00000012", "stage-0.safetensors");
        var bytes = await File.ReadAllBytesAsync(newest, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(newest, bytes, TestContext.Current.CancellationToken);
        File.Delete(Path.Combine(run.Directory, "checkpoints", "step-00000008", "manifest.json"));

        run.Steps.Clear();
        await run.ResumeAsync("checkpoint.every=4", "checkpoint.keep=1");
        Assert.Equal((5, 2), (run.Steps[0].Step, run.Steps[0].Epoch));
        Assert.Equal(
            ["step-00000008.damaged", "step-00000012", "step-00000012.damaged"],
            Directory.EnumerateDirectories(Path.Combine(run.Directory, "checkpoints")).Select(Path.GetFileName).Order());
        Assert.Equal(straight, run.Metrics());
        var warnings = run.Events.Where(e => e.Kind == "warning").Select(e => e.Message).ToArray();
        Assert.Contains(warnings, w => w.Contains("step-00000012", StringComparison.Ordinal) && w.Contains("damaged", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.Contains("step-00000008 has no manifest.json", StringComparison.Ordinal));
        Assert.Contains("The checkpoint of step 12 is now step-00000012.damaged: the run goes on from step 4.", warnings);
    }

    [Fact]
    public async Task A_run_goes_back_to_an_earlier_step_and_the_later_checkpoints_are_set_aside()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        var straight = run.Metrics();
        run.Steps.Clear();
        var summary = await run.ResumeFromAsync("4", "checkpoint.every=4", "checkpoint.keep=9");
        Assert.Equal((5, 12), (run.Steps[0].Step, summary.Steps));
        Assert.Equal(straight, run.Metrics());
        Assert.Equal(
            ["step-00000004", "step-00000008", "step-00000008.superseded", "step-00000012", "step-00000012.superseded"],
            Directory.EnumerateDirectories(Path.Combine(run.Directory, "checkpoints")).Select(Path.GetFileName).Order());
        Assert.Contains("The checkpoint of step 8 is now step-00000008.superseded: the run goes on from step 4.", run.Events.Select(e => e.Message));
    }

    /// <summary>A path that leads into the job's own directory is no other run's.</summary>
    [Theory]
    [InlineData("", 12)]
    [InlineData("checkpoints", 12)]
    [InlineData("checkpoints/", 12)]
    [InlineData("checkpoints/step-00000004", 4)]
    [InlineData("link", 4)]
    public async Task A_path_into_the_runs_own_directory_continues_it(string path, int step)
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        File.CreateSymbolicLink(Path.Combine(run.Directory, "link"), Path.Combine(run.Directory, "checkpoints", "step-00000004"));
        await run.ResumeFromAsync(Path.Combine(run.Directory, path), "job.steps=14");
        Assert.False(Directory.Exists(run.Directory + ".1"));
        Assert.Equal(Enumerable.Range(1, 14).Select(one => (long)one), run.Metrics().Select(line => line.Step));
        Assert.Equal(step == 4 ? [1L, 2] : [1, 2], run.Steps.Select(line => line.Epoch).Distinct());
    }

    /// <summary>Links in the middle of either path, and at the end of the job's.</summary>
    [Fact]
    public async Task A_path_that_leads_to_the_runs_own_directory_through_links_continues_it()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        var folder = Path.GetDirectoryName(run.Directory)!;
        var (parent, link) = (Path.Combine(folder, "parent"), Path.Combine(folder, "link"));
        File.CreateSymbolicLink(parent, "../" + Path.GetFileName(folder));
        File.CreateSymbolicLink(link, Path.Combine("parent", "run"));
        foreach (var directory in new[] { run.Directory, link, Path.Combine(parent, "run"), Path.Combine(parent, "link") })
        {
            foreach (var other in new[] { run.Directory, link, Path.Combine(parent, "run"), Path.Combine(parent, "link") })
            {
                foreach (var (path, step) in new[] { ("", 12), ("checkpoints", 12), ("checkpoints/step-00000008", 8) })
                {
                    using var plan = run.Plan(Path.Combine(other, path), $"job.directory=\"{directory}\"", "job.steps=14");
                    Assert.False(plan.Run.Branches, $"{directory} from {other}");
                    Assert.Equal(Path.Combine(directory, "checkpoints", $"step-{step:D8}"), plan.Run.Resumed!.Directory);
                }
            }
        }
    }

    [Fact]
    public async Task Of_two_folders_of_a_step_the_one_that_is_named_is_taken()
    {
        using var run = new TestRun();
        var named = (await run.RunAsync("job.steps=2")).Checkpoint!;
        var other = Path.Combine(Path.GetDirectoryName(named)!, "step-2");
        Checkpoints.SavedRun.Copy(named, other);
        foreach (var (resume, expected) in new[] { (named, named), (other, other), ("2", named), ("latest", named) })
        {
            using var plan = run.Plan(resume, "job.steps=4");
            Assert.Equal(expected, plan.Run.Resumed!.Directory);
        }
    }

    [Theory]
    [InlineData("", 12)]
    [InlineData("checkpoints", 12)]
    [InlineData("checkpoints/step-00000008", 8)]
    public async Task A_run_branches_off_from_another_which_stays_as_it_is(string path, long step)
    {
        using var other = new TestRun();
        await other.RunAsync("checkpoint.every=4", "job.steps=12");
        var files = Files(other.Directory);
        using var straight = new TestRun();
        await straight.RunAsync("job.steps=14");
        using var run = new TestRun();
        await run.RunAsync("job.steps=1");
        await run.ResumeFromAsync(Path.Combine(other.Directory, path), "job.steps=14");
        Assert.Equal(straight.Metrics().Where(line => line.Step > step), run.Metrics());
        Assert.Single(File.ReadLines(Path.Combine(run.Directory + ".1", "metrics.jsonl")));
        Assert.Equal(files, Files(other.Directory));

        static IReadOnlyDictionary<string, DateTime> Files(string folder) =>
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.GetLastWriteTimeUtc);
    }

    [Fact]
    public async Task A_step_that_cannot_be_resumed_is_refused_with_those_that_are_there()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        var checkpoints = Path.Combine(run.Directory, "checkpoints");
        Assert.Equal(
            $"--resume 5: there is no checkpoint of step 5 in {checkpoints}; there are those of the steps 4, 8 and 12.",
            Assert.Throws<BadInputException>(() => run.Plan("5")).Message);
        var shard = Path.Combine(checkpoints, "step-00000008", "stage-0.safetensors");
        File.Delete(shard);
        var sentence = $"--resume: {shard} is missing; there are those of the steps 4 and 12.";
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => run.Plan("8")).Message);
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => run.Plan(Path.GetDirectoryName(shard)!)).Message);
        Directory.Move(Path.GetDirectoryName(shard)!, Path.GetDirectoryName(shard)! + ".superseded");
        Assert.Contains(
            "is not a checkpoint in its place, and lies in job.directory, which a new run would move aside; choose another job.directory to branch off from it.",
            Assert.Throws<BadInputException>(() => run.Plan(Path.GetDirectoryName(shard)! + ".superseded")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_versions_checkpoint_is_passed_over_and_kept()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=4");
        var checkpoints = Path.Combine(run.Directory, "checkpoints");
        await File.WriteAllTextAsync(Path.Combine(checkpoints, "step-00000012", "manifest.json"), "{ \"format\": 9 }", TestContext.Current.CancellationToken);
        run.Steps.Clear();
        await run.ResumeAsync("job.steps=9");
        Assert.Equal(9, Assert.Single(run.Steps).Step);
        Assert.Contains(run.Events, e => e.Message.Contains("has format 9, which a newer version of Pipeline has written", StringComparison.Ordinal));
        Assert.True(Directory.Exists(Path.Combine(checkpoints, "step-00000012.superseded")));
    }

    [Fact]
    public async Task A_schedule_that_adds_gradients_up_in_another_order_does_not_continue_a_run()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("parallel={stages=2,schedule=zb-v}", "job.steps=2");
        Assert.Equal(
            $"--resume: the schedule looped-bfs adds gradients up in another order than {summary.Checkpoint} was trained with, so its losses would differ; "
            + "looped-bfs goes on with looped-bfs alone.",
            (await Assert.ThrowsAsync<BadInputException>(() => run.ResumeAsync("parallel={stages=2,schedule=looped-bfs}"))).Message);
    }

    [Fact]
    public async Task Only_the_newest_checkpoints_are_kept()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=3", "checkpoint.keep=2");
        Assert.Equal(["step-00000009", "step-00000012"], Directory.EnumerateDirectories(Path.Combine(run.Directory, "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Metrics_of_steps_after_the_checkpoint_are_cut()
    {
        using var run = new TestRun();
        await run.RunAsync("checkpoint.every=5");
        Directory.Delete(Path.Combine(run.Directory, "checkpoints", "step-00000012"), recursive: true);
        await run.ResumeAsync("checkpoint.every=5");
        Assert.Equal(Enumerable.Range(1, 12).Select(step => (long)step), run.Metrics().Select(line => line.Step));
    }

    [Theory]
    [InlineData("model.width=64", "--resume: model.width = 64, but * was trained with width = 32; a resumed run must keep it.")]
    [InlineData("job.seed=9", "--resume: job.seed = 9, but * was trained with seed = 3; a resumed run must keep it.")]
    [InlineData("batch.micro-batches=2", "--resume: batch.micro-batches = 2, but * was trained with micro-batches = 4; a resumed run must keep it.")]
    [InlineData("model.vocabulary=64", "--resume: model.vocabulary = 64, but * was trained without it; a resumed run must keep it.")]
    [InlineData(
        "model={architecture=llama,layers=4,width=32,heads=2,context=16,key-value-heads=2,inner=48}",
        "--resume: model.architecture = \"llama\", but * was trained with architecture = \"gpt2\"; a resumed run must keep it.")]
    [InlineData(
        "model={architecture=mamba,layers=4,width=32,context=16}",
        "--resume: model.architecture = \"mamba\", but * was trained with architecture = \"gpt2\"; a resumed run must keep it.")]
    [InlineData("optimizer.kind=adam-atan2", "--resume: optimizer.kind = adam-atan2, but * was trained with kind = adamw; a resumed run must keep it.")]
    public async Task What_would_change_the_losses_is_refused(string change, string sentence)
    {
        using var run = new TestRun();
        await run.RunAsync("job.steps=2");
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, change, "job.steps=3"));
        Assert.Equal(sentence.Replace("*", Path.Combine(run.Directory, "checkpoints", "step-00000002"), StringComparison.Ordinal), refusal.Message);
    }

    [Fact]
    public async Task A_key_that_is_no_longer_set_is_refused_too()
    {
        using var run = new TestRun();
        await run.RunAsync("job.steps=2", "model.vocabulary=64");
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, "job.steps=3"));
        Assert.Equal(
            $"--resume: model.vocabulary is not set, but {Path.Combine(run.Directory, "checkpoints", "step-00000002")} was trained with vocabulary = 64; a resumed run must keep it.",
            refusal.Message);
    }

    [Fact]
    public async Task Changed_data_are_refused()
    {
        using var run = new TestRun();
        await run.RunAsync("job.steps=2");
        await File.AppendAllTextAsync(run.DataFile, "more", TestContext.Current.CancellationToken);
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true));
        Assert.Equal(
            $"--resume: the data are not those of {Path.Combine(run.Directory, "checkpoints", "step-00000002")} (text.txt has changed).",
            refusal.Message);
    }

    /// <summary>The files are the same in the same order, wherever they lie and whatever they are called.</summary>
    [Fact]
    public async Task Moved_data_are_the_same_and_another_order_is_not()
    {
        using var run = new TestRun();
        var folder = Path.GetDirectoryName(run.DataFile)!;
        var (one, other) = (Path.Combine(folder, "a.md"), Path.Combine(folder, "b.md"));
        await File.WriteAllTextAsync(one, string.Join(' ', Enumerable.Range(0, 900)), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(other, string.Join(' ', Enumerable.Range(0, 900).Reverse()), TestContext.Current.CancellationToken);
        var before = (await run.RunAsync("job.steps=2", "data.files=[\"*.md\"]")).Checkpoint;
        Directory.CreateDirectory(Path.Combine(folder, "moved"));
        File.Move(one, Path.Combine(folder, "moved", "x.md"));
        File.Move(other, Path.Combine(folder, "moved", "y.md"));
        run.Plan(true, "data.files=[\"moved/*.md\"]").Dispose();
        File.Move(Path.Combine(folder, "moved", "y.md"), Path.Combine(folder, "moved", "w.md"));
        AssertRefused("moved/w.md has the place of a.md, and other content");
        File.Delete(Path.Combine(folder, "moved", "w.md"));
        AssertRefused("b.md is missing");
        await File.WriteAllTextAsync(Path.Combine(folder, "moved", "y.md"), string.Join(' ', Enumerable.Range(0, 900).Reverse()), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "moved", "z.md"), "1", TestContext.Current.CancellationToken);
        AssertRefused("moved/z.md is new");

        void AssertRefused(string which) => Assert.Equal(
            $"--resume: the data are not those of {before} ({which}).", Assert.Throws<BadInputException>(() => run.Plan(true, "data.files=[\"moved/*.md\"]")).Message);
    }

    [Fact]
    public async Task Another_tokenizer_file_is_refused_and_the_same_at_another_place_is_not()
    {
        using var run = new TestRun();
        var folder = Path.GetDirectoryName(run.DataFile)!;
        var (one, other) = (Path.Combine(folder, "one.json"), Path.Combine(folder, "other.json"));
        await File.WriteAllTextAsync(one, TinyTokenizer.Json(), TestContext.Current.CancellationToken);
        await run.RunAsync("job.steps=2", "data.tokenizer=one.json", "data.cache=cache");
        File.Move(one, other);
        run.Plan(true, "data.tokenizer=other.json", "data.cache=elsewhere").Dispose();
        await File.WriteAllTextAsync(one, TinyTokenizer.Json(json => json["added_tokens"]![0]!["content"] = "</s>"), TestContext.Current.CancellationToken);
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, "data.tokenizer=one.json", "data.cache=cache"));
        Assert.Matches($"^--resume: the tokenizer is tokenizer.json sha256:[0-9a-f]{{64}}, and .*step-00000002 was trained with tokenizer.json sha256:[0-9a-f]{{64}}.$", refusal.Message);
    }

    [Fact]
    public async Task A_run_that_is_through_is_not_resumed()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("job.steps=2");
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, "job.steps=2"));
        Assert.Equal($"--resume: {summary.Checkpoint} is of step 2, and job.steps is 2; to go on, job.steps must be greater.", refusal.Message);
    }

    [Fact]
    public void Nothing_to_resume_is_refused()
    {
        using var run = new TestRun();
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true));
        Assert.Equal($"--resume: there is no whole checkpoint in {Path.Combine(run.Directory, "checkpoints")}; name a run that has one, or start anew without --resume.", refusal.Message);
    }
}
