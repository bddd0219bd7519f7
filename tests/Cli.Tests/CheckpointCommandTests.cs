using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Copies of one small run's checkpoints, of the steps 4, 8 and 12, are listed, verified, pruned and resumed.</summary>
public sealed class CheckpointCommandTests(CheckpointCommandTests.Trained trained) : IClassFixture<CheckpointCommandTests.Trained>, IDisposable
{
    private readonly TemporaryFolder folder = trained.Copy();

    private string[] Names => [.. Directory.EnumerateDirectories(folder.File("run/checkpoints")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_list_shows_what_manifests_and_sizes_tell()
    {
        Damage();
        var (code, output, errors) = Run("checkpoint list run");
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("│ 12 ", StringComparison.Ordinal) && line.Contains(" 28 / 84 ", StringComparison.Ordinal) && line.Contains(" whole ", StringComparison.Ordinal));
        foreach (var reason in new[]
        {
            "step-00000020.0123abcd.partial: partial: It was never finished: ",
            "step-00000012.superseded: superseded: Its run went on from an earlier step, ",
            "step-00000014: newer format: ",
            "step-00000013: incomplete: It has no manifest.json, which is written last.",
            $"step-00000008: damaged: {folder.File("run/checkpoints/step-00000008/stage-0.safetensors")} has ",
            $"step-00000004: incomplete: {folder.File("run/checkpoints/step-00000004/stage-0.safetensors")} is missing.",
        })
        {
            Assert.Single(lines, line => line.StartsWith(reason, StringComparison.Ordinal));
        }

        Assert.Contains("not verified", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        // Three borders, two lines of header, and one a checkpoint: nothing is broken.
        Assert.Equal(3 + 2 + 7, lines.TakeWhile(line => !line.StartsWith("step-", StringComparison.Ordinal)).Count());
    }

    [Fact]
    public void A_lists_json_is_one_object_with_every_checkpoint()
    {
        Damage();
        var list = Json("checkpoint list run --json");
        Assert.False(list.GetProperty("verified").GetBoolean());
        var entries = list.GetProperty("checkpoints").EnumerateArray().ToArray();
        Assert.Equal(
            [
                ("step-00000020.0123abcd.partial", "partial"), ("step-00000014", "newer format"), ("step-00000013", "incomplete"),
                ("step-00000012", "whole"), ("step-00000012.superseded", "superseded"), ("step-00000008", "damaged"), ("step-00000004", "incomplete"),
            ],
            entries.Select(entry => (entry.GetProperty("name").GetString()!, entry.GetProperty("state").GetString()!)));
        var whole = entries[3];
        Assert.Equal(12, whole.GetProperty("step").GetInt64());
        Assert.Equal((84, 28), (whole.GetProperty("tensors").GetInt32(), whole.GetProperty("parameters").GetInt32()));
        Assert.Equal(new DirectoryInfo(folder.File("run/checkpoints/step-00000012")).EnumerateFiles().Sum(file => file.Length), whole.GetProperty("bytes").GetInt64());
        Assert.Equal(["stage-0.safetensors", "stage-1.safetensors"], whole.GetProperty("shards").EnumerateArray().Select(shard => shard.GetString()));
        Assert.Equal(JsonValueKind.Null, whole.GetProperty("reason").ValueKind);
        Assert.Equal(entries.Length, Json("checkpoint list run/checkpoints --json").GetProperty("checkpoints").GetArrayLength());
    }

    [Fact]
    public void A_list_reads_no_shard()
    {
        Flip("run/checkpoints/step-00000012/stage-1.safetensors");
        Assert.Equal("whole", Json("checkpoint list run --json").GetProperty("checkpoints")[0].GetProperty("state").GetString());
    }

    [Fact]
    public void Verification_reads_every_file_and_names_each_that_is_damaged()
    {
        var (code, output, errors) = Run("checkpoint verify run");
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(@"^step-00000012: whole, \d+ KiB read\nstep-00000008: whole, \d+ KiB read\nstep-00000004: whole, \d+ KiB read\n$", output);

        Flip("run/checkpoints/step-00000012/stage-0.safetensors");
        Flip("run/checkpoints/step-00000012/stage-1.safetensors");
        Flip("run/checkpoints/step-00000008/manifest.json");
        (code, output, errors) = Run("checkpoint verify run");
        Assert.Equal((1, ""), (code, errors));
        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.All(new[] { 0, 1 }, stage => Assert.Equal(
            $"step-00000012: damaged: {folder.File($"run/checkpoints/step-00000012/stage-{stage}.safetensors")} does not have the SHA-256 of its manifest: it is damaged.", lines[stage]));
        Assert.StartsWith($"step-00000008: damaged: {folder.File("run/checkpoints/step-00000008/manifest.json")} ", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("step-00000004: whole, ", lines[3], StringComparison.Ordinal);

        (code, output, _) = Run("checkpoint verify run --json");
        Assert.Equal(1, code);
        using var document = JsonDocument.Parse(output);
        Assert.Equal((1, 2), (document.RootElement.GetProperty("whole").GetInt32(), document.RootElement.GetProperty("not_whole").GetInt32()));
        Assert.Equal(2, document.RootElement.GetProperty("checkpoints")[0].GetProperty("damages").GetArrayLength());

        Assert.Equal(0, Run("checkpoint verify run/checkpoints/step-00000004").Code);
        Assert.Equal(1, Run("checkpoint verify run/checkpoints/step-00000008/").Code);
        Directory.Move(folder.File("run/checkpoints/step-00000004"), folder.File("mine"));
        Assert.Equal(0, Run("checkpoint verify mine").Code);
    }

    [Fact]
    public void Pruning_removes_the_oldest_and_what_is_not_whole()
    {
        var whole = Names;
        Damage();
        var all = Names;
        var (code, output, errors) = Run("checkpoint prune run --keep 1 --dry-run");
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(
            @"^Would remove step-00000020.0123abcd.partial, .*: partial\nWould remove step-00000013, .*: incomplete\nWould remove step-00000012.superseded, .*: superseded\n"
            + @"Would remove step-00000008, .*: damaged\nWould remove step-00000004, .*: incomplete\nWould remove 5 of 7, \d+ KiB\.\n$", output);
        Assert.Equal(all, Names);
        Assert.Equal(5, Json("checkpoint prune run --keep 1 --json").GetProperty("removed").GetArrayLength());
        Assert.Equal(["step-00000012", "step-00000014"], Names);
        Assert.StartsWith("There is nothing to remove in ", Run("checkpoint prune run --keep 1").Output, StringComparison.Ordinal);
        Assert.Equal(3, whole.Length);
    }

    /// <summary>This version cannot tell whether it is whole, which is what was asked for.</summary>
    [Fact]
    public void Verification_of_a_newer_format_fails()
    {
        File.WriteAllText(folder.File("run/checkpoints/step-00000012/manifest.json"), "{ \"format\": 99 }");
        var (code, output, _) = Run("checkpoint verify run");
        Assert.Equal(1, code);
        Assert.StartsWith($"step-00000012: newer format: {folder.File("run/checkpoints/step-00000012/manifest.json")} has format 99, ", output, StringComparison.Ordinal);
    }

    /// <summary>A run directory may be called like a checkpoint, and what the user has put beside them is his.</summary>
    [Theory]
    [InlineData("step-size-study")]
    [InlineData("step-5")]
    public void A_run_with_the_name_of_a_step_is_listed_verified_pruned_and_resumed(string name)
    {
        Directory.Move(folder.File("run"), folder.File(name));
        Trained.Copy(folder.File($"{name}/checkpoints/step-00000008"), folder.File($"{name}/checkpoints/step-00000090.best"));
        Assert.Equal(3, Json($"checkpoint list {name} --json").GetProperty("checkpoints").GetArrayLength());
        Assert.Equal(0, Run($"checkpoint verify {name}").Code);
        Assert.Equal(0, Run($"checkpoint prune {name} --keep 1").Code);
        Assert.Equal(
            ["step-00000012", "step-00000090.best"],
            Directory.EnumerateDirectories(folder.File($"{name}/checkpoints")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        Assert.Equal(0, Run($"checkpoint verify {name}/checkpoints/step-00000090.best").Code);
        var (code, output, errors) = Run($"train job.hocon --resume {name} --set job.steps=13");
        Assert.True(code == 0, errors);
        Assert.Contains("step 13/13", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "step-00000012")]
    [InlineData(2, "step-00000008 step-00000012")]
    [InlineData(9, "step-00000004 step-00000008 step-00000012")]
    public void Pruning_keeps_the_newest(int keep, string left)
    {
        Assert.Equal(0, Run($"checkpoint prune run/checkpoints --keep {keep}").Code);
        Assert.Equal(left.Split(' '), Names);
    }

    /// <summary>Of the newest, only its hash shows that it is damaged: the older ones must not go for it.</summary>
    [Fact]
    public void Pruning_never_removes_the_newest_that_is_really_whole()
    {
        Flip("run/checkpoints/step-00000012/stage-1.safetensors");
        Assert.Equal(0, Run("checkpoint prune run --keep 1").Code);
        Assert.Equal(["step-00000008"], Names);
        Flip("run/checkpoints/step-00000008/stage-1.safetensors");
        Directory.CreateDirectory(folder.File("run/checkpoints/step-00000009.partial"));
        var (code, output, _) = Run("checkpoint prune run --keep 1");
        Assert.Equal(0, code);
        Assert.Contains("There is no whole checkpoint, so those that are not whole are kept too.\n", output, StringComparison.Ordinal);
        Assert.Equal(["step-00000008"], Names);
    }

    [Fact]
    public void Pruning_waits_for_the_run_that_has_the_directory()
    {
        using var run = Command.Start(folder.Path, "train", "job.hocon", "--resume", "--set", "job.steps=1000000", "--set", "checkpoint.every=0", "--set", "evaluation={every=13,batches=1}");
        run.WaitFor("Validation loss after step 13");
        var (code, _, errors) = Run("checkpoint prune run --keep 1");
        Assert.Equal((2, $"{folder.File("run")} is in use by a run; wait until that has ended.\n"), (code, errors));
        Assert.Equal((2, errors), Run("checkpoint prune run/checkpoints --keep 1 --dry-run") is var again ? (again.Code, again.Errors) : default);
        Assert.Equal(3, Names.Length);
        Assert.Equal(0, Run("checkpoint list run").Code);
        Assert.Equal(0, Run("checkpoint verify run").Code);
    }

    [Theory]
    [InlineData("train job.hocon --resume", 13)]
    [InlineData("train job.hocon --resume=latest", 13)]
    [InlineData("train --resume job.hocon", 13)]
    [InlineData("train --resume latest job.hocon", 13)]
    [InlineData("train job.hocon --resume 8", 9)]
    [InlineData("train job.hocon --resume run/checkpoints/step-00000004", 5)]
    [InlineData("train job.hocon --resume run --set job.directory=branch", 13)]
    [InlineData("train job.hocon --resume run/checkpoints/step-00000004/ --set job.directory=branch", 5)]
    public void A_run_is_resumed_from_what_is_named(string line, int first)
    {
        var (code, output, errors) = Run(line + " --set job.steps=14 --json");
        Assert.True(code == 0, errors);
        var branches = line.Contains("branch", StringComparison.Ordinal);
        var steps = File.ReadLines(folder.File(branches ? "branch/metrics.jsonl" : "run/metrics.jsonl"))
            .Select(text => JsonDocument.Parse(text).RootElement.GetProperty("step").GetInt32());
        Assert.Equal(branches ? Enumerable.Range(first, 15 - first) : Enumerable.Range(1, 14), steps);
        using var summary = JsonDocument.Parse(output);
        Assert.Equal(14, summary.RootElement.GetProperty("steps").GetInt32());
        Assert.Contains($"step {first}/14", errors, StringComparison.Ordinal);
        Assert.DoesNotContain($"step {first - 1}/14", errors, StringComparison.Ordinal);
        Assert.Equal(branches, Names.SequenceEqual(["step-00000004", "step-00000008", "step-00000012"]));
    }

    [Theory]
    [InlineData("checkpoint", "checkpoint: Name a command: list, verify or prune; pipeline checkpoint --help says more.")]
    [InlineData("checkpoint lst run", "checkpoint: lst is not a command; did you mean list?")]
    [InlineData("checkpoint list", "checkpoint list: Required argument 'RUN' missing for command: 'list'.")]
    [InlineData("checkpoint list run more", "checkpoint list: more is one argument too many; pipeline checkpoint list --help says what it takes.")]
    [InlineData("checkpoint list run --jsn", "checkpoint list: --jsn is not an option; did you mean --json?")]
    [InlineData("checkpoint list nowhere", "nowhere: there is no such folder; name a run directory or a folder of checkpoints.")]
    [InlineData("checkpoint list text.txt", "text.txt: there is no such folder; name a run directory or a folder of checkpoints.")]
    [InlineData("checkpoint list run/checkpoints/step-00000004", "run/checkpoints/step-00000004 is one checkpoint; name its run directory, or the folder that it lies in.")]
    [InlineData("checkpoint prune run/checkpoints/step-00000004 --keep 1", "run/checkpoints/step-00000004 is one checkpoint; name its run directory, or the folder that it lies in.")]
    [InlineData("checkpoint verify empty", "There are no checkpoints in $/empty.")]
    [InlineData("checkpoint prune run", "checkpoint prune: Option '--keep' is required.")]
    [InlineData("checkpoint prune run --keep 0", "checkpoint prune: --keep must be a whole number of at least 1, not \"0\".")]
    [InlineData("checkpoint prune run --keep all", "checkpoint prune: --keep must be a whole number of at least 1, not \"all\".")]
    [InlineData("train --resume", "train: name the job file too: pipeline train JOB --resume latest.")]
    [InlineData("train --resume 8", "train: name the job file too: pipeline train JOB --resume 8.")]
    [InlineData("train job.hocon --resume 9", "--resume 9: there is no checkpoint of step 9 in $/run/checkpoints; there are those of the steps 4, 8 and 12.")]
    [InlineData("train job.hocon --resume job.hocon", "--resume: job.hocon is a file; give latest, a step, a checkpoint's folder or a run directory.")]
    [InlineData("train job.hocon --resume nowhere", "--resume: there is no folder nowhere; give latest, a step, a checkpoint's folder or a run directory.")]
    [InlineData("train job.hocon --resume empty", "--resume: there is no whole checkpoint in $/empty; name a run that has one, or start anew without --resume.")]
    [InlineData("train job.hocon --resume 8 --set job.steps=8", "--resume: $/run/checkpoints/step-00000008 is of step 8, and job.steps is 8; to go on, job.steps must be greater.")]
    [InlineData(
        "train job.hocon --resume 8 --set model.width=32",
        "--resume: model.width = 32, but $/run/checkpoints/step-00000008 was trained with width = 16; a resumed run must keep it.")]
    [InlineData("train job.hocon 8 --resume", "train: 8 is one argument too many; pipeline train --help says what it takes.")]
    public void Bad_input_gets_one_plain_sentence(string line, string sentence)
    {
        Directory.CreateDirectory(folder.File("empty"));
        var (code, output, errors) = Run(line);
        Assert.Equal(sentence.Replace("$", folder.Path, StringComparison.Ordinal) + "\n", errors);
        Assert.Equal((2, ""), (code, output));
        Assert.Equal(3, Names.Length);
    }

    [Fact]
    public void A_damaged_step_is_refused_and_the_latest_is_another()
    {
        Flip("run/checkpoints/step-00000012/stage-1.safetensors");
        var (code, _, errors) = Run("train job.hocon --resume 12 --set job.steps=14");
        Assert.Equal(2, code);
        Assert.Equal(
            $"--resume: {folder.File("run/checkpoints/step-00000012/stage-1.safetensors")} does not have the SHA-256 of its manifest: it is damaged; there are those of the steps 4 and 8.\n",
            errors);
        (code, var output, _) = Run("train job.hocon --resume --set job.steps=14");
        Assert.Equal(0, code);
        Assert.Contains("A checkpoint was passed over: ", output, StringComparison.Ordinal);
        Assert.Contains("step 9/14", output, StringComparison.Ordinal);
        Assert.Contains("step-00000012.damaged", Names);
    }

    private (int Code, string Output, string Errors) Run(string line) => Command.Run(folder.Path, line.Split(' '));

    private JsonElement Json(string line)
    {
        var (code, output, errors) = Run(line);
        Assert.True(code == 0, errors);
        Assert.Single(output.TrimEnd().Split('\n'));
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    /// <summary>One of everything; step 12 stays whole.</summary>
    private void Damage()
    {
        var checkpoints = folder.File("run/checkpoints");
        File.Delete(Path.Combine(checkpoints, "step-00000004", "stage-0.safetensors"));
        File.AppendAllText(Path.Combine(checkpoints, "step-00000008", "stage-0.safetensors"), "more");
        Directory.CreateDirectory(Path.Combine(checkpoints, "step-00000013"));
        Directory.CreateDirectory(Path.Combine(checkpoints, "step-00000014"));
        File.WriteAllText(Path.Combine(checkpoints, "step-00000014", "manifest.json"), "{ \"format\": 99 }");
        Trained.Copy(Path.Combine(checkpoints, "step-00000012"), Path.Combine(checkpoints, "step-00000012.superseded"));
        Directory.CreateDirectory(Path.Combine(checkpoints, "step-00000020.0123abcd.partial"));
    }

    private void Flip(string file)
    {
        var bytes = File.ReadAllBytes(folder.File(file));
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(folder.File(file), bytes);
    }

    public sealed class Trained : IDisposable
    {
        private readonly TemporaryFolder trained = new();

        public Trained()
        {
            File.WriteAllText(trained.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
            File.WriteAllText(trained.File("job.hocon"), """
                job   { name = small, steps = 12, directory = run }
                model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
                data  { files = text.txt }
                parallel { stages = 2 }
                checkpoint { every = 4 }
                evaluation { every = 0 }
                """);
            Assert.Equal(0, Command.Run(trained.Path, "train", "job.hocon").ExitCode);
        }

        public void Dispose() => trained.Dispose();

        internal static void Copy(string from, string to)
        {
            foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            {
                var copy = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }

        internal TemporaryFolder Copy()
        {
            var copy = new TemporaryFolder();
            Copy(trained.Path, copy.Path);
            return copy;
        }
    }
}
