using System.Globalization;
using System.Text.Json.Nodes;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Jamba;

/// <summary>Hugging Face's JambaForCausalLM. Sizes are the tensors' where these tell them. Hugging Face counts the routers' loss only where
/// <c>output_router_logits</c> is true; where it is not, the balance coefficient is 0. Its load_balancing_loss_func takes all layers' routers
/// together, one loss of the mean over them, and here each layer with experts adds a loss of its own: the balance coefficient is
/// <c>router_aux_loss_coef</c> by the number of these layers.</summary>
internal sealed class JambaFormat : IHuggingFaceFormat
{
    private const string Embedding = "model.embed_tokens.weight", Layer = "model.layers.", RouterLogits = "output_router_logits";

    public string ModelType => "jamba";

    public ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        config.RequireSilu();
        if (config.OptionalInt("sliding_window") is not null)
        {
            throw config.Wrong("sliding_window", "null");
        }

        var (width, heads) = (Size(Embedding, 1) ?? config.Int("hidden_size"), config.Int("num_attention_heads"));
        var queries = Size(".self_attn.q_proj.weight", 0) ?? (config.OptionalInt("head_dim") is { } size ? size * (long)heads : width);
        if (heads < 1 || queries % heads != 0)
        {
            throw config.Wrong("num_attention_heads", $"a divisor of {queries}, the width of the queries");
        }

        var headSize = (int)Math.Min(queries / heads, int.MaxValue);
        var channels = Size(".mamba.A_log", 0) ?? (long)width * (config.OptionalInt("mamba_expand") ?? 2);
        if (headSize < 1 || channels % width != 0)
        {
            throw headSize < 1 ? config.Wrong("head_dim", "greater than 0") : config.Wrong("mamba_expand", $"{channels}, the channels of the tensors, by the width {width}");
        }

        var layers = shapes.Keys
            .Where(name => name.StartsWith(Layer, StringComparison.Ordinal)).Select(name => name[Layer.Length..].Split('.')[0]).Distinct().Count();
        var automaticRank = config.Root["mamba_dt_rank"] is JsonValue word && word.TryGetValue<string>(out var text) && text == "auto";
        var hasMamba = shapes.Keys.Any(name => name.EndsWith(".mamba.in_proj.weight", StringComparison.Ordinal));
        var settings = new JambaSettings(
            ModelType,
            layers > 0 ? layers : config.Int("num_hidden_layers"),
            width,
            heads,
            config.OptionalInt("max_position_embeddings") ?? 262_144,
            Size(".self_attn.k_proj.weight", 0) is { } rows && rows % headSize == 0 ? rows / headSize : config.OptionalInt("num_key_value_heads") ?? heads,
            queries == width ? null : headSize,
            Size(".gate_proj.weight", 0) ?? config.Int("intermediate_size"),
            config.OptionalInt("attn_layer_period") ?? 8,
            config.OptionalInt("attn_layer_offset") ?? 4,
            config.OptionalInt("expert_layer_period") ?? 2,
            config.OptionalInt("expert_layer_offset") ?? 1,
            Size(".feed_forward.router.weight", 0) ?? config.OptionalInt("num_experts") ?? 16,
            config.OptionalInt("num_experts_per_tok") ?? 2,
            config.Switch(RouterLogits, false) ? config.OptionalNumber("router_aux_loss_coef") ?? 0.001 : 0,
            Size(".mamba.A_log", 1) ?? config.OptionalInt("mamba_d_state") ?? 16,
            (int)Math.Min(channels / width, int.MaxValue),
            Size(".mamba.conv1d.weight", 2) ?? config.OptionalInt("mamba_d_conv") ?? 4,
            Size(".mamba.dt_proj.weight", 1) ?? (automaticRank ? null : config.OptionalInt("mamba_dt_rank")),
            hasMamba ? Has(".mamba.in_proj.bias") : config.Switch("mamba_proj_bias", false),
            hasMamba ? Has(".mamba.conv1d.bias") : config.Switch("mamba_conv_bias", true),
            config.OptionalNumber("rms_norm_eps") ?? 1e-6,
            config.Switch("tie_word_embeddings", false),
            Size(Embedding, 0) ?? config.Int("vocab_size"));
        if (settings.ExpertLayers == 0)
        {
            return settings;
        }

        // Each has three tensors of its own, so a file bounds what is made of a number in it.
        var mostExperts = shapes.Count / (3L * settings.ExpertLayers);
        return settings.Experts > mostExperts
            ? throw config.Wrong("num_experts", $"at most {mostExperts}: there are {shapes.Count} tensors for {settings.ExpertLayers} layers with experts")
            : settings with { BalanceCoefficient = settings.BalanceCoefficient / settings.ExpertLayers };

        // Of the first tensor whose name ends so; null where there is none of such dimensions.
        int? Size(string end, int dimension) =>
            shapes.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).FirstOrDefault(tensor => tensor.Key.EndsWith(end, StringComparison.Ordinal)).Value is { } shape
            && dimension < shape.Count && shape[dimension] is > 0 and <= int.MaxValue
                ? (int)shape[dimension]
                : null;

        bool Has(string end) => shapes.Keys.Any(name => name.EndsWith(end, StringComparison.Ordinal));
    }

    public JsonObject Write(ModelSettings settings, int vocabulary)
    {
        var jamba = (JambaSettings)settings;
        return new()
        {
            ["architectures"] = new JsonArray("JambaForCausalLM"),
            ["model_type"] = ModelType,
            ["num_hidden_layers"] = jamba.Layers,
            ["hidden_size"] = jamba.Width,
            ["num_attention_heads"] = jamba.Heads,
            ["num_key_value_heads"] = jamba.Attention.KeyValueHeads,
            ["head_dim"] = jamba.Attention.HeadSize,
            ["intermediate_size"] = jamba.ResolvedInner,
            ["max_position_embeddings"] = jamba.Context,
            ["attn_layer_period"] = jamba.AttentionPeriod,
            ["attn_layer_offset"] = jamba.AttentionOffset,
            ["expert_layer_period"] = jamba.ExpertPeriod,
            ["expert_layer_offset"] = jamba.ExpertOffset,
            ["num_experts"] = jamba.Experts,
            ["num_experts_per_tok"] = jamba.ExpertsPerToken,
            [RouterLogits] = jamba.BalanceCoefficient > 0 && jamba.ExpertLayers > 0,
            ["router_aux_loss_coef"] = jamba.BalanceCoefficient * jamba.ExpertLayers,
            ["mamba_d_state"] = jamba.State,
            ["mamba_expand"] = jamba.Expand,
            ["mamba_d_conv"] = jamba.Convolution,
            ["mamba_dt_rank"] = jamba.Mixer.TimeStepRank,
            ["mamba_proj_bias"] = jamba.Bias,
            ["mamba_conv_bias"] = jamba.ConvBias,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = jamba.NormEpsilon,
            ["tie_word_embeddings"] = jamba.TieEmbeddings,
            ["vocab_size"] = vocabulary,
        };
    }

    public string? OtherLoss(HuggingFaceConfig config) => config.Switch(RouterLogits, false)
        ? $"{RouterLogits} is true, so Hugging Face's loss has the routers' in it, which here is added a layer at a time and not part of the loss that is printed"
        : null;

    public HuggingFaceTensor Locate(string parameter)
    {
        if (parameter.Split('.') is not [.. var path, "experts", var expert, var projection, "weight"])
        {
            return new(parameter);
        }

        var (experts, index) = ($"{string.Join('.', path)}.experts", int.Parse(expert, CultureInfo.InvariantCulture));
        return new(parameter)
        {
            Packed = projection switch
            {
                "gate_proj" => new($"{experts}.gate_up_proj", index, 0, 2),
                "up_proj" => new($"{experts}.gate_up_proj", index, 1, 2),
                _ => new($"{experts}.down_proj", index),
            },
        };
    }
}
