using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Stages.Mamba2;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Tests.Mamba2;

public class Mamba2FormatTests
{
    private static readonly Mamba2LanguageModel Family = new();

    private static readonly Mamba2Settings Settings = new(
        "mamba2", Layers: 3, Width: 24, Context: 2048, State: 8, HeadSize: 6, Groups: 4, Convolution: 3, TimeStepLimit: [0.01, 0.1],
        Bias: true, ConvBias: false, ResidualInFp32: false, NormEpsilon: 1e-6, TieEmbeddings: false, Vocabulary: 31);

    [Fact]
    public void What_is_written_reads_back()
    {
        Mamba2Settings[] variants =
        [
            Settings,
            Settings with { TieEmbeddings = true, Bias = false, ConvBias = true, Groups = 1, ResidualInFp32 = true },
            Settings with { TimeStepLimit = null, Expand = 1.5, Groups = 2 },
            Settings with { TimeStepLimit = [0.5] },
        ];
        Assert.All(variants, settings => AssertSame(settings, Read(Written(settings), settings)));
    }

    /// <summary>Files of the hub say another number of layers, or other sizes, than they have.</summary>
    [Fact]
    public void Tensors_are_trusted_more_than_the_config()
    {
        var config = Written(Settings);
        foreach (var key in new[] { "num_hidden_layers", "hidden_size", "num_heads", "head_dim", "expand", "n_groups", "conv_kernel", "vocab_size" })
        {
            config[key] = 7;
        }

        config["use_bias"] = false;
        config["use_conv_bias"] = true;
        AssertSame(Settings, Read(config, Settings));
    }

    [Fact]
    public void Infinity_in_both_spellings_is_no_limit()
    {
        var config = Written(Settings);
        config["time_step_limit"] = new JsonArray(0.0, new JsonObject { ["__float__"] = "Infinity" });
        Assert.Null(Read(config, Settings).TimeStepLimit);
        config["time_step_limit"] = new JsonArray(0.0, double.PositiveInfinity);
        Assert.Null(Read(config, Settings).TimeStepLimit);
        config.Remove("time_step_limit");
        Assert.Null(Read(config, Settings).TimeStepLimit);
    }

    /// <summary>Infinity has a spelling of Hugging Face's own, which is written only where nothing else says the same.</summary>
    [Fact]
    public void No_limit_has_no_key()
    {
        Assert.False(Written(Settings with { TimeStepLimit = null }).ContainsKey("time_step_limit"));
        Assert.Equal("""[0.5,{"__float__":"Infinity"}]""", Written(Settings with { TimeStepLimit = [0.5] })["time_step_limit"]!.ToJsonString());
        Assert.Equal("[0.01,0.1]", Written(Settings)["time_step_limit"]!.ToJsonString());
    }

    /// <summary>Hugging Face's inner width is int(expand * hidden_size), which cuts off.</summary>
    [Fact]
    public void Expand_gives_the_inner_width_to_one_who_cuts_off()
    {
        var inexact = 0;
        for (var width = 16; width <= 2048; width += 16)
        {
            for (var inner = 16; inner <= 4 * width; inner += 16)
            {
                var settings = Settings with { Width = width, Expand = (double)inner / width, HeadSize = 16, Groups = 1 };
                inexact += (int)(settings.Expand * width) != inner ? 1 : 0;
                Assert.Equal(inner, (int)(Family.HuggingFace.Write(settings, 31)["expand"]!.GetValue<double>() * width));
            }
        }

        Assert.True(inexact > 0);   // or the test would show nothing
        Assert.Equal("2", Written(Settings)["expand"]!.ToJsonString());
    }

    [Fact]
    public void Swish_is_silu()
    {
        var config = Written(Settings);
        config["hidden_act"] = "swish";
        AssertSame(Settings, Read(config, Settings));
    }

    [Fact]
    public void A_head_that_is_not_in_the_file_is_tied() =>
        Assert.True(Read(Written(Settings), Settings with { TieEmbeddings = true }).TieEmbeddings);

    [Theory]
    [InlineData("hidden_act", "\"relu\"")]
    [InlineData("state_size", "7")]
    [InlineData("state_size", "0")]
    [InlineData("time_step_limit", "[0.2, 0.1]")]
    [InlineData("time_step_limit", "[0.2]")]
    public void What_the_family_does_not_have_is_refused(string key, string value)
    {
        var config = Written(Settings);
        config[key] = JsonNode.Parse(value);
        var refusal = Assert.Throws<BadInputException>(() => Read(config, Settings));
        Assert.Contains(key, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_of_another_family_are_refused() =>
        Assert.Throws<BadInputException>(() => Family.HuggingFace.Read(
            new("config.json", Written(Settings)), new Dictionary<string, IReadOnlyList<long>> { ["backbone.embeddings.weight"] = [4, 4] }));

    [Fact]
    public void A_norm_in_groups_has_no_place_there() =>
        Assert.Throws<BadInputException>(() => Family.HuggingFace.Write(Settings with { NormGroups = 2 }, 31));

    private static JsonObject Written(Mamba2Settings settings) =>
        JsonNode.Parse(Family.HuggingFace.Write(settings, settings.Vocabulary!.Value).ToJsonString())!.AsObject();

    private static Mamba2Settings Read(JsonObject config, Mamba2Settings tensors) => (Mamba2Settings)Family.HuggingFace.Read(
        new HuggingFaceConfig("config.json", config),
        Family.Define(tensors, tensors.Vocabulary!.Value).Parameters
            .ToDictionary(p => Family.HuggingFace.Locate(p.Name).Name, p => p.Shape, StringComparer.Ordinal));

    /// <summary>Records compare lists by reference.</summary>
    private static void AssertSame(Mamba2Settings expected, Mamba2Settings actual)
    {
        Assert.Equal(expected.TimeStepLimit, actual.TimeStepLimit);
        Assert.Equal(expected with { TimeStepLimit = null }, actual with { TimeStepLimit = null });
    }
}
