using Pipeline.Core;
using Pipeline.Tensors.Models.HuggingFace;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.HuggingFace;

/// <summary>Damaged and hostile model folders: each is refused with one sentence, and nothing but a sentence comes of it.</summary>
public sealed class RefusedModelTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("", "is not JSON")]
    [InlineData("[]", "is not a JSON object.")]
    [InlineData("null", "is not a JSON object.")]
    [InlineData("Infinity", "model_type must be one of")]
    [InlineData("{} {}", "is not JSON without repeated keys, nested at most 64 deep (line 1).")]
    [InlineData("{\"a\": 1Infinity}", "is not JSON")]
    [InlineData("{Infinity: 1}", "is not JSON")]
    [InlineData("{\"a\": -NaN}", "is not JSON")]
    [InlineData("{\"a\": infinity}", "is not JSON")]
    [InlineData("{\"model_type\": \"gpt2\", \"model_type\": \"gpt2\"}", "is not JSON without repeated keys")]
    [InlineData("{\"model_type\": \"gpt2\", \"x\": {\"a\": 1, \"a\": 2}}", "is not JSON without repeated keys")]
    [InlineData("{\"model_type\": \"\\ud800\"}", "has a text with half of a surrogate pair.")]
    [InlineData("{\"\\udc00\": 1}", "has a text with half of a surrogate pair.")]
    [InlineData("{}", "model_type must be one of")]
    [InlineData("{\"model_type\": 5}", "model_type must be a text, not 5.")]
    [InlineData("{\"model_type\": \"bert\"}", "model_type must be one of")]
    [InlineData("{\"model_type\": \"gpt2\"}", "n_embd is missing.")]
    public void A_config_that_is_none(string text, string problem)
    {
        File.WriteAllText(folder.FileOf("config.json"), text);
        Refused(problem, folder.FileOf("config.json"));
    }

    [Theory]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 0", "model.layers must be")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": -1", "model.layers must be")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 2147483647", "says 2147483647 layers, and the weights have 28 tensors in all.")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 2.5", "n_layer must be a whole number, not 2.5.")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": Infinity", "n_layer must be a whole number, not {\"__float__\":\"Infinity\"}.")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 99999999999", "n_layer must be a whole number, not 99999999999.")]
    [InlineData("\"n_head\": 2", "\"n_head\": 3", "does not divide")]
    [InlineData("\"n_head\": 2", "\"n_head\": 0", "model.heads must be")]
    [InlineData("\"vocab_size\": 32", "\"vocab_size\": 0", "model.vocabulary must be")]
    [InlineData("\"vocab_size\": 32", "\"vocab_size\": null", "vocab_size is missing.")]
    public void A_config_with_a_wrong_size(string right, string wrong, string problem)
    {
        Replace("config.json", right, wrong);
        Refused(problem, folder.FileOf("config.json"));
    }

    [Theory]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 3", "lack the tensor transformer.h.2.ln_1.weight.")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 1", "have 12 tensors that the architecture gpt2 has no place for: \"transformer.h.1.attn.c_attn.bias\", ")]
    [InlineData("\"n_embd\": 8", "\"n_embd\": 1000000", "has the shape [32, 8], and by config.json it should have [32, 1000000].")]
    [InlineData("\"n_positions\": 16", "\"n_positions\": 17", "has the shape [16, 8], and by config.json it should have [17, 8].")]
    [InlineData("\"vocab_size\": 32", "\"vocab_size\": 31", "has the shape [32, 8], and by config.json it should have [31, 8].")]
    public void Weights_of_another_model(string right, string wrong, string problem)
    {
        Replace("config.json", right, wrong);
        Refused(problem);
    }

    [Fact]
    public void A_config_nested_deep_or_large()
    {
        File.WriteAllText(folder.FileOf("config.json"), $"{{\"a\": {new string('[', 100_000)}");
        Refused("nested at most 64 deep", folder.FileOf("config.json"));
        File.WriteAllText(folder.FileOf("config.json"), $"{{\"a\": \"{new string('x', 5 << 20)}\"}}");
        Refused("is longer than 4 MiB, which is the most that it may have.", folder.FileOf("config.json"));
        File.WriteAllBytes(folder.FileOf("config.json"), [.. "{\"a\": \""u8, 0xff, .. "\"}"u8]);
        Refused("is not UTF-8.", folder.FileOf("config.json"));
        File.Delete(folder.FileOf("config.json"));
        Refused("cannot be read:", folder.FileOf("config.json"));
        File.CreateSymbolicLink(folder.FileOf("config.json"), "/dev/zero");
        Refused("is longer than 4 MiB, which is the most that it may have.", folder.FileOf("config.json"));
    }

    [Fact]
    public void Numbers_that_JSON_does_not_have_are_read()
    {
        var config = HuggingFaceConfig.Parse("""{"a": [0.0, Infinity], "b": -Infinity, "c": "Infinity \" NaN", "d": {"__float__": "Infinity"}, "e": NaN}""", "x");
        Assert.Equal([0, double.PositiveInfinity], config.OptionalNumbers("a")!);
        Assert.Equal(double.NegativeInfinity, config.Number("b"));
        Assert.Equal("Infinity \" NaN", config.Text("c", ""));
        Assert.Equal(double.PositiveInfinity, config.Number("d"));
        Assert.Equal("x: e must be a number, not {\"__float__\":\"NaN\"}.", Assert.Throws<BadInputException>(() => config.Number("e")).Message);
    }

    [Theory]
    [InlineData("pytorch_model.bin", "has its weights in \"pytorch_model.bin\" alone: such files are pickles, which are code, and are not read; convert them to safetensors.")]
    [InlineData("readme.md", "has neither model.safetensors nor model.safetensors.index.json.")]
    public void Weights_of_another_format(string file, string problem)
    {
        File.Move(folder.FileOf(ModelFolder.Weights), folder.FileOf(file));
        Refused(problem);
    }

    [Fact]
    public void A_folder_that_is_not_there() => Assert.StartsWith(
        "There is no folder ", Assert.Throws<BadInputException>(() => new Runtime.HuggingFace.HuggingFaceModel(folder.Beside("none"), [])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("", "it is not JSON")]
    [InlineData("[]", "it is not an object")]
    [InlineData("{}", "it has no weight_map")]
    [InlineData("{\"weight_map\": {}}", "it has no weight_map")]
    [InlineData("{\"weight_map\": []}", "weight_map is not an object")]
    [InlineData("{\"weight_map\": {\"a\": \"part-0.safetensors\"}} x", "it is not JSON (line 1)")]
    [InlineData("{\"weight_map\": {\"a\": \"part-0.safetensors\"}, \"weight_map\": {\"a\": \"part-0.safetensors\"}}", "weight_map appears twice")]
    [InlineData("{\"weight_map\": {\"a\": \"part-0.safetensors\", \"a\": \"part-0.safetensors\"}}", "tensor \"a\" appears twice")]
    [InlineData("{\"weight_map\": {\"a\": 1}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"../part-0.safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"/etc/part-0.safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"..\\\\part-0.safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"C:part-0.safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \".safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"\\u0000.safetensors\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"a\": \"pytorch_model.bin\"}}", "tensor \"a\" is not in a .safetensors file of the folder: a plain name without folders is needed")]
    [InlineData("{\"weight_map\": {\"\\ud800\": \"part-0.safetensors\"}}", "it has a text with half of a surrogate pair")]
    public void An_index_that_is_none(string text, string problem)
    {
        folder.Shard(2);
        File.WriteAllText(folder.FileOf(ModelFolder.Index), text);
        Refused($"is not a valid index: {problem}", folder.FileOf(ModelFolder.Index));
    }

    [Fact]
    public void Files_and_an_index_that_contradict_each_other()
    {
        folder.Shard(2);
        Replace(ModelFolder.Index, "\"transformer.wte.weight\": \"part-0.safetensors\"", "\"transformer.wte.weight\": \"part-1.safetensors\"");
        Refused("part-1.safetensors lacks the tensor \"transformer.wte.weight\", which model.safetensors.index.json says is in it.");

        folder.Shard(2);
        Replace(ModelFolder.Index, "\"transformer.wte.weight\": \"part-0.safetensors\"", "\"x\": \"part-0.safetensors\"");
        Refused("part-0.safetensors lacks the tensor \"x\", which model.safetensors.index.json says is in it.");

        folder.Shard(2);
        Replace(ModelFolder.Index, "\"transformer.wte.weight\": \"part-0.safetensors\"", "\"transformer.wte.weight\": \"part-9.safetensors\"");
        Refused("part-9.safetensors' cannot be read: Could not find file");

        folder.Shard(2);
        folder.WriteModel(name: "part-1.safetensors");
        Refused("both have the tensor");

        folder.Shard(2);
        var cut = File.ReadAllBytes(folder.FileOf("part-1.safetensors"));
        File.WriteAllBytes(folder.FileOf("part-1.safetensors"), cut[..^1]);
        Refused("is not a valid safetensors file");
    }

    [Fact]
    public void A_tensor_that_nothing_uses_or_of_another_type()
    {
        using var scope = NewDisposeScope();
        folder.Write(ModelFolder.Weights, [.. ModelFolder.Tensors(), ("score.weight", ones(2))]);
        Refused("have 1 tensor that the architecture gpt2 has no place for: \"score.weight\".");

        var whole = ModelFolder.Tensors();
        folder.Write(ModelFolder.Weights, [.. whole[..1].Select(tensor => (tensor.Name, tensor.Value.to(ScalarType.Int32))), .. whole[1..]]);
        Refused("has elements of type Int32; allowed are F32, BF16, F16.");
    }

    [Fact]
    public void A_tied_head_that_is_another_one()
    {
        using var scope = NewDisposeScope();
        var tensors = ModelFolder.Tensors();
        folder.Write(ModelFolder.Weights, [.. tensors, ("lm_head.weight", ones_like(tensors.First(tensor => tensor.Name == "transformer.wte.weight").Value))]);
        Refused("ties the head to the embedding, but lm_head.weight is not equal to transformer.wte.weight.");
        folder.Write(ModelFolder.Weights, [.. tensors, ("lm_head.weight", ones(3))]);
        Refused("no place for: \"lm_head.weight\".");
    }

    private void Replace(string file, string right, string wrong)
    {
        var text = File.ReadAllText(folder.FileOf(file));
        Assert.Contains(right, text, StringComparison.Ordinal);
        File.WriteAllText(folder.FileOf(file), text.Replace(right, wrong, StringComparison.Ordinal));
    }

    private void Refused(string problem, string? place = null)
    {
        var sentence = Assert.Throws<BadInputException>(() => folder.Open().Dispose()).Message;
        Assert.Contains(problem, sentence, StringComparison.Ordinal);
        Assert.StartsWith(place ?? "", sentence, StringComparison.Ordinal);
        Assert.InRange(sentence.Length, 1, 600);
        Assert.DoesNotContain(sentence, char.IsControl);
    }
}
