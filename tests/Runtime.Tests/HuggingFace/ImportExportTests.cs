using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.StandIns;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages;
using Pipeline.Stages.Transformer;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.HuggingFace;

public sealed class ImportExportTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32, "float32")]
    [InlineData(ScalarType.BFloat16, "float32")]
    [InlineData(ScalarType.Float16, "float32")]
    [InlineData(ScalarType.BFloat16, "bfloat16")]
    public void Types_that_hold_the_weights_give_them_back(ScalarType type, string precision)
    {
        folder.WriteModel(type);
        folder.Import(precision);
        folder.Export();
        Assert.Equal(ModelFolder.Bytes(folder.Path), ModelFolder.Bytes(folder.Out));
        Assert.Equal(ModelFolder.Config, File.ReadAllText(Path.Combine(folder.Out, "config.json")));
    }

    [Fact]
    public void Names_without_prefix_a_head_saved_twice_and_buffers_are_read()
    {
        using var scope = NewDisposeScope();
        (string Name, Tensor Value)[] tensors = [.. ModelFolder.Tensors().Select(tensor => (tensor.Name.Replace("transformer.", "", StringComparison.Ordinal), tensor.Value))];
        (string, Tensor) head = ("lm_head.weight", tensors.First(tensor => tensor.Name == "wte.weight").Value);
        folder.Write(ModelFolder.Weights, [.. tensors, head, ("h.0.attn.bias", ones(1, 1, 16, 16)), ("h.0.attn.masked_bias", ones([]))]);
        folder.Import();
        folder.Export();
        var expected = ModelFolder.Bytes(folder.Path);
        Assert.True(expected.Remove("h.0.attn.bias") && expected.Remove("h.0.attn.masked_bias"));
        Assert.Equal(expected, ModelFolder.Bytes(folder.Out));
    }

    [Fact]
    public void Sharded_in_and_sharded_out()
    {
        var whole = ModelFolder.Bytes(folder.Path);
        folder.Shard(3);
        folder.Import();
        var exported = folder.Export(shardBytes: 1500);
        Assert.Equal("model.safetensors.index.json", exported.Files[^1]);
        Assert.InRange(exported.Files.Count, 4, 12);
        Assert.Equal($"model-00001-of-{exported.Files.Count - 1:D5}.safetensors", exported.Files[0]);
        Assert.Equal(whole, ModelFolder.Bytes(folder.Out));
        var index = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Out, exported.Files[^1])))!;
        Assert.Equal(whole.Keys.Order(StringComparer.Ordinal), index["weight_map"]!.AsObject().Select(entry => entry.Key).Order(StringComparer.Ordinal));
        var parameters = exported.Parameters;
        Assert.Equal(4 * parameters, (long)index["metadata"]!["total_size"]!);
        // No file is larger than asked for, unless it has one tensor alone.
        Assert.All(exported.Files.SkipLast(1), file => Assert.True(
            new FileInfo(Path.Combine(folder.Out, file)).Length < 1500 + 2000 || index["weight_map"]!.AsObject().Count(entry => (string)entry.Value! == file) == 1));
    }

    [Fact]
    public void A_tokenizer_goes_along()
    {
        File.WriteAllText(folder.FileOf("tokenizer.json"), "{}");
        File.WriteAllText(folder.FileOf("merges.txt"), "a b");
        File.WriteAllText(folder.FileOf("modeling_evil.py"), "raise SystemExit");
        Assert.Equal(["tokenizer.json", "merges.txt"], folder.Import().Tokenizer);
        Assert.Equal(["tokenizer.json", "merges.txt"], folder.Export().Tokenizer);
        Assert.Equal("a b", File.ReadAllText(Path.Combine(folder.Out, "merges.txt")));
        Assert.Equal(
            ["config.json", "merges.txt", "model.safetensors", "tokenizer.json"], Directory.EnumerateFiles(folder.Out).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        File.WriteAllText(Path.Combine(folder.Run, "checkpoints", "step-00000000", "tokenizer", "merges.txt"), "b a");
        Assert.Contains("merges.txt does not have the SHA-256 of its manifest", Assert.Throws<BadInputException>(() => folder.Export(overwrite: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_import_that_fails_leaves_no_part_of_a_checkpoint()
    {
        using var model = folder.Open();
        using (var weights = new FileStream(folder.FileOf(ModelFolder.Weights), FileMode.Open))
        {
            weights.SetLength(weights.Length - 1);
        }

        Assert.Contains("it has become shorter since it was opened", Assert.Throws<BadInputException>(() => HuggingFaceImport.Run(model, folder.Run, "float32")).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(folder.Run, "checkpoints")));
    }

    [Theory]
    [InlineData("none", "tokenizer_config.json", "special_tokens_map.json")]
    [InlineData("none", "merges.txt")]
    [InlineData("files", "tokenizer_config.json", "tokenizer.json")]
    [InlineData("files", "tokenizer.model")]
    [InlineData("files", "vocab.json", "merges.txt")]
    public void Files_about_a_tokenizer_are_none(string tokenizer, params string[] names)
    {
        Array.ForEach(names, name => File.WriteAllText(folder.FileOf(name), "{}"));
        Assert.Equal(tokenizer, Manifest.Read(folder.Import().Checkpoint).Tokenizer);
        Assert.Equal(names.Order(StringComparer.Ordinal), folder.Export().Tokenizer.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_folder_with_files_is_left_alone_unless_it_is_to_be_overwritten()
    {
        folder.Import();
        folder.Export(shardBytes: 1500);
        string[] earlier = ["tokenizer.json", "vocab.json", "special_tokens_map.json", "io.safetensors", "grads.safetensors"];
        Array.ForEach([.. earlier, "notes.txt"], name => File.WriteAllText(Path.Combine(folder.Out, name), "mine"));
        Assert.Equal($"{folder.Out} is not empty; --overwrite replaces a model that is there.", Assert.Throws<BadInputException>(() => folder.Export()).Message);
        folder.Export(overwrite: true);
        Assert.Equal(["config.json", "model.safetensors", "notes.txt"], Directory.EnumerateFiles(folder.Out).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(ModelFolder.Bytes(folder.Path), ModelFolder.Bytes(folder.Out));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(folder.Out)!), path => path.EndsWith(".partial", StringComparison.Ordinal));
    }

    /// <summary>Training goes on from the weights with fresh moments, for any layout the same; a tokenizer that it is not trained with does not go out again.</summary>
    [Fact]
    public async Task An_imported_model_is_trained_further()
    {
        File.WriteAllText(folder.FileOf("tokenizer.json"), "{}");
        folder.WriteModel(ScalarType.BFloat16);
        File.WriteAllText(folder.FileOf("config.json"), ModelFolder.Config.Replace("\"float32\"", "\"bfloat16\"", StringComparison.Ordinal));
        var losses = new List<IReadOnlyList<(long, double, double)>>();
        foreach (var stages in new[] { 1, 2 })
        {
            using var run = new TestRun("abcdefgh ijklmnop " + string.Join(' ', Enumerable.Range(0, 500)));
            using (var model = folder.Open())
            {
                HuggingFaceImport.Run(model, run.Directory, "float32");
            }

            string[] job = ["model={layers=2,width=8,context=16,vocabulary=32}", "job.steps=4", "checkpoint.every=1", "checkpoint.keep=1", $"parallel.stages={stages}"];
            var summary = await run.ResumeAsync(job);
            Assert.Equal(("completed", 4), (summary.Outcome, summary.Steps));
            losses.Add(run.Metrics());

            var manifest = Manifest.Read(summary.Checkpoint!);
            Assert.Equal((4L, false, 32), (manifest.Step, manifest.IsImport, manifest.Vocabulary));
            var exported = new HuggingFaceExport(run.Directory, Families.All).Write(folder.Out, long.MaxValue, overwrite: true);
            Assert.Equal(4L, exported.Step);
            Assert.Empty(exported.Tokenizer);
            Assert.Null(manifest.TokenizerFiles);
            Assert.Equal(ModelFolder.Config, File.ReadAllText(Path.Combine(folder.Out, "config.json")));   // the type has become float32
            using var again = new HuggingFaceModel(folder.Out, Families.All);
            Assert.NotEqual(ModelFolder.Bytes(folder.Path), ModelFolder.Bytes(folder.Out));

            // From there on it is a run like others: its data are its own.
            Assert.StartsWith("--resume: batch.sequences = 8, but ", Assert.Throws<BadInputException>(() => run.Plan(true, [.. job, "job.steps=5", "batch.sequences=8"])).Message, StringComparison.Ordinal);
        }

        Assert.Equal(losses[0], losses[1]);
        Assert.InRange(losses[0][0].Item2, 3, 4);   // ln 32 = 3.47: the weights are small
    }

    [Theory]
    [InlineData("model.heads=4", "--resume: model.heads = 4, but * was trained with heads = 2; a resumed run must keep it.")]
    [InlineData("precision.parameters=bfloat16", "--resume: precision.parameters = \"bfloat16\", but * was trained with parameters = \"float32\"; a resumed run must keep it.")]
    public void A_model_stays_what_it_was(string change, string sentence)
    {
        using var run = new TestRun("abcdefgh ijklmnop " + string.Join(' ', Enumerable.Range(0, 500)));
        using (var model = folder.Open())
        {
            HuggingFaceImport.Run(model, run.Directory, "float32");
        }

        run.Plan(true, "model={layers=2,width=8,context=16,vocabulary=32,dropout=0.1}", "job.seed=8").Dispose();
        var refusal = Assert.Throws<BadInputException>(() => run.Plan(true, "model={layers=2,width=8,context=16,vocabulary=32}", change)).Message;
        Assert.Equal(sentence.Replace("*", Path.Combine(run.Directory, "checkpoints", "step-00000000"), StringComparison.Ordinal), refusal);
    }

    [Fact]
    public async Task A_model_trained_here_goes_out_and_comes_back()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("job.steps=2", "parallel.stages=2");
        foreach (var path in new[] { run.Directory, summary.Checkpoint! })
        {
            var exported = new HuggingFaceExport(path, Families.All).Write(folder.Out, long.MaxValue, overwrite: true);
            Assert.Equal((2L, summary.Parameters), (exported.Step, exported.Parameters));
            using var model = new HuggingFaceModel(folder.Out, Families.All);
            Assert.Equal(summary.Parameters, model.Definition.ParameterCount);
            Assert.Equal((4, 32, 2, 16), model.Job.Model is Gpt2Settings gpt2 ? (gpt2.Layers, gpt2.Width, gpt2.Heads, gpt2.Context) : default);
            using var scope = NewDisposeScope();
            using var reader = Checkpoint.Find(path).Read();
            foreach (var parameter in model.Definition.Parameters)
            {
                var value = empty([.. parameter.Shape]);
                reader.ReadInto(parameter.Name, value);
                Assert.True(value.bytes.SequenceEqual(model.Read(parameter.Name, ScalarType.Float32).bytes), parameter.Name);
            }
        }
    }

    [Fact]
    public async Task A_checkpoint_of_before_is_still_read()
    {
        using var run = new TestRun();
        var summary = await run.RunAsync("job.steps=2");
        var path = Path.Combine(summary.Checkpoint!, "manifest.json");
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken))!.AsObject();
        manifest["format"] = 1;
        Assert.All(new[] { "vocabulary", "hugging_face", "tokenizer_files", "sha256" }, key => Assert.True(manifest.Remove(key), key));
        await File.WriteAllTextAsync(path, manifest.ToJsonString(), TestContext.Current.CancellationToken);
        Assert.Equal(2, new HuggingFaceExport(run.Directory, Families.All).Write(folder.Out, long.MaxValue, overwrite: false).Step);
        Assert.Equal(3, (await run.ResumeAsync("job.steps=3")).Steps);
    }

    [Fact]
    public void What_is_no_checkpoint_and_what_has_no_form_are_refused()
    {
        Assert.Equal(
            $"{folder.Path} has no whole checkpoint: neither manifest.json nor folders such as checkpoints/step-00000100.",
            Assert.Throws<BadInputException>(() => new HuggingFaceExport(folder.Path, Families.All)).Message);
        folder.Import();
        var path = Path.Combine(folder.Run, "checkpoints", "step-00000000", "manifest.json");
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        manifest["format"] = 1;   // which has no hash
        manifest["job"] = "model { architecture = stand-in, layers = 2 }, data { files = [x] }";
        File.WriteAllText(path, manifest.ToJsonString());
        Assert.Equal(
            "Hugging Face has no model like the architecture stand-in; it has those of gpt2.",
            Assert.Throws<BadInputException>(() => new HuggingFaceExport(folder.Run, [new Gpt2(), new StandInArchitecture()])).Message);
    }

    [Fact]
    public void Nothing_of_the_users_is_moved_or_overwritten()
    {
        using var model = folder.Open();
        Refused("holds the model that is to be imported; choose a folder of its own.", Path.GetDirectoryName(folder.Path)!);
        Refused("holds the model that is to be imported; choose a folder of its own.", folder.Path);
        Directory.CreateDirectory(folder.Beside("thesis"));
        File.WriteAllText(folder.Beside("thesis/thesis.txt"), "mine");
        Refused("is not a run directory (it has no events.jsonl); choose an empty or a new folder.", folder.Beside("thesis"));
        HuggingFaceImport.Run(model, folder.Run, "float32");
        HuggingFaceImport.Run(model, folder.Run, "float32");
        Assert.True(Directory.Exists(folder.Run + ".1"));
        var happened = JsonSerializer.Deserialize<RunEvent>(File.ReadLines(Path.Combine(folder.Run, "events.jsonl")).Single(), RunDirectory.Json)!;
        Assert.Equal(("import", $"Imported from {folder.Path}."), (happened.Kind, happened.Message));

        void Refused(string problem, string output) => Assert.EndsWith(
            problem, Assert.Throws<BadInputException>(() => HuggingFaceImport.Run(model, output, "float32")).Message, StringComparison.Ordinal);
    }
}
