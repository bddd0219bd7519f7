using System.Text.Json.Nodes;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests;

/// <summary>Our families against Hugging Face's models: same weights in, same logits, loss and gradients out.</summary>
public class HuggingFaceGoldenTests
{
    [Fact]
    public void Logits_loss_and_gradients_are_Hugging_Faces() =>
        Assert.All(Goldens.Files("config.json", below: "hf").Select(file => Path.GetDirectoryName(file)!), Compare);

    private static void Compare(string folder)
    {
        using var scope = NewDisposeScope();
        var config = new HuggingFaceConfig(folder, JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject());
        var type = config.Text("model_type", "");
        var family = Families.All.FirstOrDefault(one => one.HuggingFace?.ModelType == type);
        Assert.True(family is not null, $"{folder}: no family reads the model type {type}.");
        var format = family.HuggingFace!;
        using var weights = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var io = SafeTensorsFile.Open(Path.Combine(folder, "io.safetensors"));
        using var gradients = SafeTensorsFile.Open(Path.Combine(folder, "grads.safetensors"));
        var settings = format.Read(config, weights.Entries.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Shape, StringComparer.Ordinal));
        var model = family.Define(settings, settings.Vocabulary!.Value);
        var parameters = model.Parameters.ToDictionary(p => p.Name, p => Read(weights, format, p).requires_grad_(true), StringComparer.Ordinal);
        var layers = model.Layers.Select(layer => layer.Build(parameters));

        var ids = io.Read("input_ids");
        var logits = layers.Aggregate(ids, (value, layer) => layer.Forward(value, new Pass(0, 0, 0, false, ScalarType.Float32)));
        var length = ids.shape[1] - 1;
        var loss = TokenPrediction.Sum(logits.narrow(1, 0, length).contiguous(), ids.narrow(1, 1, length).contiguous()) / (length * ids.shape[0]);
        loss.backward();

        AssertClose(io.Read("logits"), logits, 2e-5, $"{folder}: logits");
        Assert.Equal(io.Read("loss").item<float>(), loss.item<float>(), 1e-6);
        foreach (var parameter in model.Parameters)
        {
            AssertClose(Read(gradients, format, parameter), parameters[parameter.Name].grad!, 1e-4, $"{folder}: gradient of {parameter.Name}");
        }
    }

    private static Tensor Read(SafeTensorsFile file, IHuggingFaceFormat format, ParameterDefinition parameter)
    {
        var place = format.Locate(parameter.Name);
        var value = place.Packed is { } packed && file.Entries.ContainsKey(packed.Name) ? packed.From(file.Read(packed.Name)) : file.Read(place.Name);
        return place.Transposed ? value.t().contiguous() : value;
    }

    private static void AssertClose(Tensor expected, Tensor actual, double relative, string what)
    {
        var difference = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.True(difference <= relative, $"{what} differs by {difference} of its largest element.");
    }
}
