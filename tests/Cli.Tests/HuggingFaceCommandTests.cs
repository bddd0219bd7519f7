using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

public sealed class HuggingFaceCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private readonly string golden = Path.GetDirectoryName(Goldens.Files("config.json", below: "hf/gpt2")[0])!;

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Import_export_and_verify_work_together()
    {
        var imported = Json("import", golden, "--output", "run", "--json");
        Assert.Equal(("gpt2", "float32"), (imported.GetProperty("architecture").GetString(), imported.GetProperty("precision").GetString()));
        var exported = Json("export", "run", "out", "--shard-size", "60KB", "--json");
        Assert.Equal(imported.GetProperty("parameters").GetInt64(), exported.GetProperty("parameters").GetInt64());
        Assert.InRange(exported.GetProperty("files").GetArrayLength(), 4, 6);
        foreach (var dump in new[] { "io.safetensors", "grads.safetensors" })
        {
            File.Copy(Path.Combine(golden, dump), folder.File($"out/{dump}"));
        }

        var verified = Json("verify", "out", "--stages", "3", "--json");
        Assert.True(verified.GetProperty("equal").GetBoolean());
        Assert.All(new[] { "logits", "loss", "gradients" }, key => Assert.InRange(verified.GetProperty(key).GetDouble(), 0, 1e-4));
        Assert.StartsWith("h.", verified.GetProperty("worst_parameter").GetString(), StringComparison.Ordinal);

        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 2000)));
        var model = File.ReadAllText(folder.File("run/job.hocon"));
        File.WriteAllText(folder.File("job.hocon"), string.Join('\n', model[model.IndexOf("model {", StringComparison.Ordinal)..].Split('\n').TakeWhile(line => line != "data {")));
        var trained = Json(
            "train", "job.hocon", "--resume", "--json", "--set", "job.directory=run", "--set", "job.steps=2", "--set", "data={files=[text.txt],tokenizer=chars}",
            "--set", "evaluation.every=0", "--set", "model.context=64");
        Assert.Equal(2, trained.GetProperty("steps").GetInt64());
        Assert.Equal(2, Json("export", "run", "trained", "--json").GetProperty("step").GetInt64());
    }

    [Fact]
    public void What_differs_ends_with_1_and_a_sentence()
    {
        foreach (var file in Directory.EnumerateFiles(golden))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        var bytes = File.ReadAllBytes(folder.File("grads.safetensors"));
        bytes[^1] ^= 0x80;
        File.WriteAllBytes(folder.File("grads.safetensors"), bytes);
        var (code, output, errors) = Command.Run(folder.Path, "verify", ".");
        Assert.Equal(1, code);
        Assert.StartsWith("gpt2 on 1 stage, against Hugging Face:\nlogits ", output, StringComparison.Ordinal);
        Assert.Matches(@"^The gradient of \S+ differs from Hugging Face's by \S+; allowed is 1\.0e-4\.\n$", errors);

        File.Delete(folder.File("io.safetensors"));
        Refused("has no io.safetensors: verify compares with what Hugging Face's model computed, which must lie beside its weights.", "verify", ".");
        Refused("--stages must be from 1 to 3, the number of layers, not 4.", "verify", golden, "--stages", "4");
    }

    [Fact]
    public void Wrong_input_is_a_sentence()
    {
        Refused("There is no folder none.", "import", "none");
        Refused("--precision must be float32 or bfloat16, not float8.", "import", golden, "--precision", "float8");
        Refused("--shard-size must be a size such as 500MB, 5GB or 4GiB, not \"big\".", "export", "run", "out", "--shard-size", "big");
        Refused("none: there is no such folder; name a checkpoint's folder or a run directory.", "export", "none", "out");
    }

    private void Refused(string sentence, params string[] arguments)
    {
        var (code, output, errors) = Command.Run(folder.Path, arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.EndsWith(sentence + "\n", errors, StringComparison.Ordinal);
    }

    private JsonElement Json(params string[] arguments)
    {
        var (code, output, errors) = Command.Run(folder.Path, arguments);
        Assert.True(code == 0, errors);
        return JsonDocument.Parse(output).RootElement;
    }
}
