using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Stages.Mamba;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba;

public class MambaTests
{
    private static readonly MambaSettings Small = new("mamba", Layers: 2, Width: 20, Context: 32, State: 6, Bias: true);

    /// <summary>The published models: Gu and Dao's, with 50,277 tokens padded to a multiple of 8.</summary>
    [Theory]
    [InlineData(24, 768, 129_135_360)]
    [InlineData(48, 1024, 371_516_416)]
    [InlineData(48, 1536, 793_204_224)]
    [InlineData(48, 2048, 1_372_178_432)]
    [InlineData(64, 2560, 2_768_345_600)]
    public void Published_models_have_their_number_of_parameters(int layers, int width, long parameters) =>
        Assert.Equal(parameters, new Mamba1().Define(new MambaSettings("mamba", layers, width, 2048), 50280).ParameterCount);

    [Fact]
    public void Rates_skips_and_time_steps_do_not_decay_and_start_as_the_authors_start_them()
    {
        using var scope = NewDisposeScope();
        var model = new Mamba1().Define(Small with { Width = 128, Layers = 4 }, 64);
        var values = Values(model);
        Assert.Equal(
            ["A_log", "D", "bias", "norm"],
            model.Parameters.Where(parameter => !parameter.Decays && parameter.Name.Contains("layers.3", StringComparison.Ordinal))
                .Select(parameter => parameter.Name.Split('.')).Select(parts => parts.Contains("norm") ? "norm" : parts[^1]).Distinct().Order(StringComparer.Ordinal));
        var mixer = "backbone.layers.3.mixer.";
        Assert.Equal(Enumerable.Range(1, 6).Select(n => MathF.Log(n)), values[mixer + "A_log"][255].data<float>());
        Assert.Equal(0, values[mixer + "A_log"].std(0).max().item<float>(), 1e-6f);
        Assert.True(values[mixer + "D"].eq(tensor(1f)).all().item<bool>());

        // softplus of the bias is log-uniform over (.001, .1): the mean of the logarithm is at -4.605, the deviation 4.605 / sqrt(12).
        var bias = values[mixer + "dt_proj.bias"];
        Assert.InRange(bias.min().item<float>(), -6.90726f, -6.5f);
        Assert.InRange(bias.max().item<float>(), -2.6f, -2.25216f);
        Assert.Equal(-4.605, nn.functional.softplus(bias, 1, 20).log().mean().item<float>(), 5 * 1.33 / Math.Sqrt(256));

        Assert.Equal(1 / Math.Sqrt(8), Bound("dt_proj.weight"), 0.01);
        Assert.Equal(0.5, Bound("conv1d.weight"), 0.01);
        Assert.Equal(1 / Math.Sqrt(128), Bound("in_proj.weight"), 1e-3);
        Assert.Equal(1 / Math.Sqrt(256) / 2, Bound("out_proj.weight"), 1e-3);
        Assert.Equal(0.02, values["backbone.embeddings.weight"].std().item<float>(), 1e-3);

        float Bound(string name) => values[mixer + name].abs().max().item<float>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_mixer_in_steps_gives_what_it_gives_at_once(bool normalizes)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = new MambaMixerSettings(20, 36, 6, 4, 3, true, true, normalizes, 1e-6);
        var mixer = new MambaMixer(settings, "m", MambaMixer.Parameters(settings, "m")
            .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal));
        var input = randn(3, 20, 20);
        AssertClose(mixer.Forward(input, Pass()), InSteps(mixer.Forward, input));
    }

    [Fact]
    public void A_model_in_steps_gives_what_it_gives_at_once()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new Mamba1().Define(Small, 11);
        var values = Values(model);
        var ids = randint(0, 11, [3, 20], ScalarType.Int64);
        AssertClose(Run(model, values, ids, Pass()), InSteps((part, pass) => Run(model, values, part, pass), ids));
    }

    /// <summary>Values to the last bit: the same steps are computed. Gradients are added up in another order.</summary>
    [Fact]
    public void Packed_documents_give_what_separate_ones_give()
    {
        using var scope = NewDisposeScope();
        var model = new Mamba1().Define(Small, 11);
        var (packed, separate) = (Values(model), Values(model));
        var ids = randint(0, 11, [1, 21], ScalarType.Int64);
        var starts = zeros(1, 21, ScalarType.Bool);
        (int Start, int Length)[] documents = [(0, 7), (7, 1), (8, 2), (10, 11)];
        foreach (var (start, _) in documents)
        {
            starts[0, start] = tensor(true);
        }

        var whole = Run(model, packed, ids, Pass() with { DocumentStarts = starts });
        var parts = cat([.. documents.Select(document => Run(model, separate, ids.narrow(1, document.Start, document.Length), Pass()))], 1);
        AssertClose(parts, whole, 1e-6);
        Assert.True((whole - Run(model, packed, ids, Pass())).abs().max().item<float>() > 1e-4, "Borders must change something.");
        whole.square().sum().backward();
        parts.square().sum().backward();
        Assert.All(separate.Keys, name => AssertClose(separate[name].grad!, packed[name].grad!));
    }

    [Fact]
    public void An_output_does_not_depend_on_later_tokens()
    {
        using var scope = NewDisposeScope();
        var model = new Mamba1().Define(Small, 11);
        var values = Values(model);
        var ids = randint(0, 11, [2, 12], ScalarType.Int64);
        var changed = ids.clone();
        changed[.., 5] = (ids[.., 5] + 1).remainder(11);
        var difference = (Run(model, values, ids, Pass()) - Run(model, values, changed, Pass())).abs();
        Assert.Equal(0, difference[.., ..5].max().item<float>());
        Assert.NotEqual(0, difference[.., 11].max().item<float>());
    }

    /// <summary>bfloat16 has 8 bits of mantissa: logits of order one agree to a few hundredths.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_residual_stream_is_single_in_bfloat16_where_the_settings_say_so(bool single)
    {
        using var scope = NewDisposeScope();
        var model = new Mamba1().Define(Small with { ResidualInFp32 = single }, 11);
        var values = Values(model);
        var ids = randint(0, 11, [2, 12], ScalarType.Int64);
        var pass = Pass() with { Compute = ScalarType.BFloat16 };
        foreach (var layers in Enumerable.Range(1, 3))
        {
            Assert.Equal(single ? ScalarType.Float32 : ScalarType.BFloat16, Run(model, values, ids, pass, layers).dtype);
        }

        var brain = Run(model, values, ids, pass);
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        AssertClose(Run(model, values, ids, Pass()), brain.to(ScalarType.Float32), 0.05);
        brain.to(ScalarType.Float32).square().sum().backward();
        Assert.All(values.Values, value => Assert.True(value.grad!.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Settings_survive_Hugging_Faces_config_and_shapes_win_over_it()
    {
        var settings = Small with { Expand = 3, Convolution = 5, TimeStepRank = 7, ConvBias = false, Context = 2048, TieEmbeddings = false, Vocabulary = 11 };
        var model = new Mamba1();
        var shapes = model.Define(settings, 11).Parameters
            .ToDictionary(parameter => model.HuggingFace.Locate(parameter.Name).Name, parameter => parameter.Shape, StringComparer.Ordinal);
        var config = model.HuggingFace.Write(settings, 11);
        Assert.Equal(settings, Read());
        config["num_hidden_layers"] = 1;
        config["hidden_size"] = 99;
        Assert.Equal(settings, Read());
        config["hidden_act"] = "swish";
        Assert.Equal(settings, Read());
        shapes.Remove("backbone.embeddings.weight", out var embedding);
        shapes.Add("backbone.embedding.weight", embedding!);
        Assert.Equal(settings, Read());
        shapes.Remove("backbone.embedding.weight");
        Assert.Contains("backbone.embedding.weight", Assert.Throws<BadInputException>(Read).Message, StringComparison.Ordinal);
        config["hidden_act"] = "relu";
        Assert.Contains("hidden_act must be silu", Assert.Throws<BadInputException>(Read).Message, StringComparison.Ordinal);

        MambaSettings Read() => (MambaSettings)model.HuggingFace.Read(new HuggingFaceConfig("config.json", JsonNode.Parse(config.ToJsonString())!.AsObject()), shapes);
    }

    private static Pass Pass() => new(1, 1, 0, Training: false, ScalarType.Float32);

    private static Dictionary<string, Tensor> Values(ModelDefinition model) =>
        model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);

    private static Tensor Run(ModelDefinition model, Dictionary<string, Tensor> values, Tensor ids, Pass pass, int layers = int.MaxValue) =>
        model.Layers.Take(layers).Aggregate(ids, (value, layer) => layer.Build(values).Forward(value, pass));

    /// <summary>A prompt of 9 tokens, three more at once, and the rest one by one.</summary>
    private static Tensor InSteps(Func<Tensor, Pass, Tensor> forward, Tensor input)
    {
        using var cache = new Cache();
        var (parts, at) = (new List<Tensor>(), 0L);
        foreach (var length in new[] { 9L, 3 }.Concat(Enumerable.Repeat(1L, (int)input.shape[1] - 12)))
        {
            parts.Add(forward(input.narrow(1, at, length), Pass() with { Cache = cache }));
            at += length;
            cache.Advance(length);
        }

        return cat(parts, 1);
    }

    private static void AssertClose(Tensor expected, Tensor actual, double relative = 1e-4)
    {
        var (difference, size) = ((expected - actual).abs().max().item<float>(), expected.abs().max().item<float>());
        Assert.True(expected.shape.SequenceEqual(actual.shape) && difference <= relative * size, $"differs by {difference} of {size}");
    }
}
