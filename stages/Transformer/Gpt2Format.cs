using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Transformer;

/// <summary>Hugging Face's GPT2LMHeadModel, whose Conv1D keeps matrices (in, out). Hub files lack the <c>transformer.</c> prefix.</summary>
internal sealed class Gpt2Format : IHuggingFaceFormat
{
    private const string Prefix = "transformer.";

    public string ModelType => "gpt2";

    public ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        var width = config.Int("n_embd");
        Require(config, "activation_function", "gelu_new");
        Require(config, "scale_attn_by_inverse_layer_idx", "false");
        Require(config, "scale_attn_weights", "true");
        return config.OptionalInt("n_inner") is { } inner && inner != 4 * width
            ? throw config.Wrong("n_inner", $"4 x n_embd, which is {4 * width}")
            : config.OptionalNumber("layer_norm_epsilon") is not (null or 1e-5)
            ? throw config.Wrong("layer_norm_epsilon", "1e-5")
            : new Gpt2Settings(
                ModelType,
                config.Int("n_layer"),
                width,
                config.Int("n_head"),
                config.Int("n_positions"),
                TieEmbeddings: config.Switch("tie_word_embeddings", true),
                Vocabulary: config.Int("vocab_size"));
    }

    public JsonObject Write(ModelSettings settings, int vocabulary)
    {
        var gpt2 = (Gpt2Settings)settings;
        if (!gpt2.Bias)
        {
            throw new BadInputException("model.bias is false; Hugging Face's GPT2LMHeadModel has biases.");
        }

        return new()
        {
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["model_type"] = ModelType,
            ["n_layer"] = gpt2.Layers,
            ["n_embd"] = gpt2.Width,
            ["n_head"] = gpt2.Heads,
            ["n_positions"] = gpt2.Context,
            ["n_inner"] = null,
            ["activation_function"] = "gelu_new",
            ["layer_norm_epsilon"] = 1e-5,
            ["tie_word_embeddings"] = gpt2.TieEmbeddings,
            ["vocab_size"] = vocabulary,
        };
    }

    public HuggingFaceTensor Locate(string parameter) => parameter == "lm_head.weight"
        ? new(parameter)
        : new(Prefix + parameter, parameter.Contains(".c_", StringComparison.Ordinal) && parameter.EndsWith(".weight", StringComparison.Ordinal), parameter);

    private static void Require(HuggingFaceConfig config, string key, string value)
    {
        if (config.Root[key] is { } node && node.ToString() != value)
        {
            throw config.Wrong(key, value);
        }
    }
}
