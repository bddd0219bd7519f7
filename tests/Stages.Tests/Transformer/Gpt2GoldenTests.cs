using System.Text.Json;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

/// <summary>Our GPT-2 against Hugging Face's: same weights in, same logits, loss and gradients out.</summary>
public class Gpt2GoldenTests
{
    [Fact]
    public void Logits_loss_and_gradients_are_Hugging_Faces()
    {
        var folders = Goldens.Files("config.json", below: "hf").Where(IsGpt2).Select(file => Path.GetDirectoryName(file)!).ToArray();
        Assert.SkipWhen(folders.Length == 0, "There is no gpt2 among the goldens.");
        Assert.All(folders, Compare);
    }

    private static void Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        using var weights = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var io = SafeTensorsFile.Open(Path.Combine(folder, "io.safetensors"));
        using var gradients = SafeTensorsFile.Open(Path.Combine(folder, "grads.safetensors"));
        var settings = new Gpt2Settings(
            "gpt2", Int("n_layer"), Int("n_embd"), Int("n_head"), Int("n_positions"),
            TieEmbeddings: config.RootElement.GetProperty("tie_word_embeddings").GetBoolean());
        var model = new Gpt2().Define(settings, Int("vocab_size"));
        var parameters = model.Parameters.ToDictionary(p => p.Name, p => Read(weights, p).requires_grad_(true), StringComparer.Ordinal);
        var layers = model.Layers.Select(layer => layer.Build(parameters));

        var ids = io.Read("input_ids");
        var logits = layers.Aggregate(ids, (value, layer) => layer.Forward(value, new Pass(0, 0, 0, false, ScalarType.Float32)));
        var length = ids.shape[1] - 1;
        var loss = model.Loss(logits.narrow(1, 0, length).contiguous(), ids.narrow(1, 1, length).contiguous()) / (length * ids.shape[0]);
        loss.backward();

        AssertClose(io.Read("logits"), logits, 2e-5, $"{folder}: logits");
        Assert.Equal(io.Read("loss").item<float>(), loss.item<float>(), 1e-6);
        foreach (var parameter in model.Parameters)
        {
            AssertClose(Read(gradients, parameter), parameters[parameter.Name].grad!, 1e-4, $"{folder}: gradient of {parameter.Name}");
        }

        int Int(string key) => config.RootElement.GetProperty(key).GetInt32();
    }

    /// <summary>Hugging Face keeps GPT-2's projections as (in, out).</summary>
    private static Tensor Read(SafeTensorsFile file, ParameterDefinition parameter)
    {
        var value = file.Read(parameter.Name.StartsWith("lm_head", StringComparison.Ordinal) ? parameter.Name : $"transformer.{parameter.Name}");
        return parameter.Name.Contains(".c_", StringComparison.Ordinal) && parameter.Shape.Count == 2 ? value.t().contiguous() : value;
    }

    private static void AssertClose(Tensor expected, Tensor actual, double relative, string what)
    {
        var difference = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.True(difference <= relative, $"{what} differs by {difference} of its largest element.");
    }

    private static bool IsGpt2(string file)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(file));
        return config.RootElement.GetProperty("model_type").GetString() == "gpt2";
    }
}
