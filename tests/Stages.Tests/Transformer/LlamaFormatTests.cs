using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Tests.Transformer;

public class LlamaFormatTests
{
    private const string Sizes = """ "model_type": "llama", "hidden_size": 32, "intermediate_size": 88, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 102 """;

    private static readonly LlamaSettings Plain =
        new("llama", 3, 32, 4, 2048, 4, 8, 88, NormEpsilon: 1e-6, Vocabulary: 102);

    private static readonly IHuggingFaceFormat Format = new Llama().HuggingFace;

    [Fact]
    public void Missing_keys_have_Hugging_Faces_defaults() => Assert.Equal(Plain, Read(""));

    [Fact]
    public void Swish_is_silu() => Assert.Equal(Plain, Read(""" "hidden_act": "swish" """));

    [Theory]
    [InlineData(""" "rope_theta": 500000.0 """)]
    [InlineData(""" "rope_theta": 500000.0, "rope_scaling": null """)]
    [InlineData(""" "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0} """)]
    public void Both_spellings_of_theta_are_read(string keys) => Assert.Equal(Plain with { RopeTheta = 500_000 }, Read(keys));

    [Theory]
    [InlineData(""" "rope_scaling": {"type": "linear", "factor": 2.0} """)]
    [InlineData(""" "rope_scaling": {"rope_type": "linear", "factor": 2.0} """)]
    [InlineData(""" "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0} """)]
    public void All_spellings_of_scaling_are_read(string keys) => Assert.Equal(Plain with { RopeType = "linear", RopeFactor = 2 }, Read(keys));

    /// <summary>As in Llama 3.2's files.</summary>
    [Fact]
    public void Llama3_scaling_is_read() => Assert.Equal(
        Plain with
        {
            Context = 131_072,
            RopeTheta = 500_000,
            RopeType = "llama3",
            RopeFactor = 32,
            RopeLowFrequencyFactor = 1,
            RopeHighFrequencyFactor = 4,
            RopeOriginalContext = 8192,
            TieEmbeddings = true,
        },
        Read("""
            "max_position_embeddings": 131072, "rope_theta": 500000.0, "tie_word_embeddings": true, "rope_scaling":
            {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}
            """));

    [Fact]
    public void What_is_written_is_read_back()
    {
        LlamaSettings[] all =
        [
            Plain,
            Plain with { KeyValueHeads = 2, HeadSize = 16, AttentionBias = true, FeedForwardBias = true, TieEmbeddings = true, RopeTheta = 5, NormEpsilon = 1e-5 },
            Plain with { RopeType = "linear", RopeFactor = 3 },
            Plain with { RopeType = "llama3", RopeFactor = 8, RopeHighFrequencyFactor = 5, RopeLowFrequencyFactor = 2, RopeOriginalContext = 1024 },
        ];
        Assert.All(all, settings => Assert.Equal(settings, Read(Format.Write(settings, 102))));
    }

    [Fact]
    public void Shapes_are_right_where_keys_are_not() => Assert.Equal(
        Plain with { Layers = 1, Vocabulary = 104, Inner = 96 },
        Format.Read(Config(""), new Dictionary<string, IReadOnlyList<long>>
        {
            ["model.embed_tokens.weight"] = [104, 32],
            ["model.layers.0.mlp.gate_proj.weight"] = [96, 32],
        }));

    [Theory]
    [InlineData(""" "hidden_act": "gelu" """, "config.json: hidden_act must be silu, not \"gelu\".")]
    [InlineData(""" "num_key_value_heads": 3 """, "config.json: num_key_value_heads must be a divisor of num_attention_heads, not 3.")]
    [InlineData(""" "head_dim": 7 """, "config.json: head_dim must be an even number greater than 0, not 7.")]
    [InlineData(""" "rope_scaling": {"type": "dynamic", "factor": 2.0} """, "config.json: rope_scaling: type must be default, linear or llama3, not \"dynamic\".")]
    [InlineData(""" "rope_parameters": {"rope_type": "yarn", "factor": 2.0} """, "config.json: rope_parameters: rope_type must be default, linear or llama3, not \"yarn\".")]
    [InlineData(""" "rope_parameters": {"rope_type": "linear"} """, "config.json: rope_parameters: factor is missing.")]
    public void What_this_family_does_not_have_is_refused(string keys, string message) =>
        Assert.Equal(message, Assert.Throws<BadInputException>(() => Read(keys)).Message);

    private static LlamaSettings Read(string keys) => Read(Config(keys).Root);

    private static LlamaSettings Read(JsonObject keys) =>
        (LlamaSettings)Format.Read(new("config.json", keys), new Dictionary<string, IReadOnlyList<long>>());

    private static HuggingFaceConfig Config(string keys) =>
        new("config.json", JsonNode.Parse(keys.Length == 0 ? $"{{{Sizes}}}" : $"{{{Sizes},{keys}}}")!.AsObject());
}
