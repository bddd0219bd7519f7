using System.Text.Json.Nodes;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Transformer;

/// <summary>Hugging Face's LlamaForCausalLM. Rotary positions are in <c>rope_parameters</c>, or, before Transformers 5, in <c>rope_theta</c> and
/// <c>rope_scaling</c>; both are read and written.</summary>
internal sealed class LlamaFormat : IHuggingFaceFormat
{
    public string ModelType => "llama";

    public ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        config.RequireSilu();
        var (width, heads) = (config.Int("hidden_size"), config.Int("num_attention_heads"));
        var groups = config.OptionalInt("num_key_value_heads") ?? heads;
        var size = config.OptionalInt("head_dim") ?? (heads > 0 && width % heads == 0 ? width / heads : throw config.Wrong("num_attention_heads", "a divisor of hidden_size"));
        if (heads < 1 || groups < 1 || heads % groups != 0)
        {
            throw config.Wrong("num_key_value_heads", "a divisor of num_attention_heads");
        }

        var context = config.OptionalInt("max_position_embeddings") ?? 2048;
        var settings = new LlamaSettings(
            ModelType,
            shapes.Keys.Count(tensor => tensor.EndsWith(".mlp.gate_proj.weight", StringComparison.Ordinal)) is > 0 and var layers ? layers : config.Int("num_hidden_layers"),
            width,
            heads,
            context,
            groups,
            size > 0 && size % 2 == 0 ? size : throw config.Wrong("head_dim", "an even number greater than 0"),
            Rows("model.layers.0.mlp.gate_proj.weight", "intermediate_size"),
            NormEpsilon: config.OptionalNumber("rms_norm_eps") ?? 1e-6,
            AttentionBias: config.Switch("attention_bias", false),
            FeedForwardBias: config.Switch("mlp_bias", false),
            TieEmbeddings: config.Switch("tie_word_embeddings", false),
            Vocabulary: Rows("model.embed_tokens.weight", "vocab_size"));
        return ReadRope(config, settings);

        int Rows(string tensor, string key) => shapes.TryGetValue(tensor, out var shape) && shape.Count == 2 ? checked((int)shape[0]) : config.Int(key);
    }

    public JsonObject Write(ModelSettings settings, int vocabulary)
    {
        var llama = (LlamaSettings)settings;
        var attention = llama.Attention;
        return new()
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = ModelType,
            ["num_hidden_layers"] = llama.Layers,
            ["hidden_size"] = llama.Width,
            ["num_attention_heads"] = llama.Heads,
            ["num_key_value_heads"] = attention.KeyValueHeads,
            ["head_dim"] = attention.HeadSize,
            ["intermediate_size"] = llama.ResolvedInner,
            ["max_position_embeddings"] = llama.Context,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = llama.NormEpsilon,
            ["attention_bias"] = llama.AttentionBias,
            ["mlp_bias"] = llama.FeedForwardBias,
            ["tie_word_embeddings"] = llama.TieEmbeddings,
            ["rope_parameters"] = WriteRope(llama),
            ["rope_theta"] = llama.RopeTheta,
            ["rope_scaling"] = llama.RopeType == "default" ? null : WriteRope(llama),
            ["vocab_size"] = vocabulary,
        };
    }

    public HuggingFaceTensor Locate(string parameter) => new(parameter);

    private static LlamaSettings ReadRope(HuggingFaceConfig config, LlamaSettings settings)
    {
        var rope = config.OptionalSection("rope_parameters") ?? config.OptionalSection("rope_scaling");
        settings = settings with { RopeTheta = rope?.OptionalNumber("rope_theta") ?? config.OptionalNumber("rope_theta") ?? 10_000 };
        if (rope is null)
        {
            return settings;
        }

        if (rope.OptionalNumber("partial_rotary_factor") is not (null or 1))
        {
            throw rope.Wrong("partial_rotary_factor", "1");
        }

        var key = rope.Root.ContainsKey("rope_type") ? "rope_type" : "type";   // the older spelling
        return rope.Text(key, "default") switch
        {
            "default" => settings,
            "linear" => settings with { RopeType = "linear", RopeFactor = rope.Number("factor") },
            "llama3" => settings with
            {
                RopeType = "llama3",
                RopeFactor = rope.Number("factor"),
                RopeLowFrequencyFactor = rope.Number("low_freq_factor"),
                RopeHighFrequencyFactor = rope.Number("high_freq_factor"),
                RopeOriginalContext = rope.OptionalInt("original_max_position_embeddings") ?? config.OptionalInt("original_max_position_embeddings"),
            },
            _ => throw rope.Wrong(key, "default, linear or llama3"),
        };
    }

    private static JsonObject WriteRope(LlamaSettings settings)
    {
        var rope = new JsonObject { ["rope_type"] = settings.RopeType, ["rope_theta"] = settings.RopeTheta };
        if (settings.RopeType != "default")
        {
            rope["factor"] = settings.RopeFactor;
        }

        if (settings.RopeType == "llama3")
        {
            rope["low_freq_factor"] = settings.RopeLowFrequencyFactor;
            rope["high_freq_factor"] = settings.RopeHighFrequencyFactor;
            rope["original_max_position_embeddings"] = settings.RopeOriginalContext ?? settings.Context;
        }

        return rope;
    }
}
