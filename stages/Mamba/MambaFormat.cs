using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Mamba;

/// <summary>Hugging Face's MambaForCausalLM. All sizes are read from the tensors: config.json of published models contradicts them
/// (mamba-790m has num_hidden_layers 32 beside n_layer 48). The authors' own files call the embedding by another name.</summary>
internal sealed class MambaFormat : IHuggingFaceFormat
{
    private const string Embedding = "backbone.embeddings.weight", OlderEmbedding = "backbone.embedding.weight", Layer = "backbone.layers.";

    /// <summary>Tokens of the sequences that the published models were trained on; their files do not say it.</summary>
    private const int Context = 2048;

    public string ModelType => "mamba";

    public ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        config.RequireSilu();
        const string mixer = $"{Layer}0.mixer";
        var embedding = Shape(shapes, shapes.ContainsKey(Embedding) ? Embedding : OlderEmbedding, 2);
        var (into, rates) = (Shape(shapes, $"{mixer}.in_proj.weight", 2), Shape(shapes, $"{mixer}.A_log", 2));
        var (width, inner) = ((int)embedding[1], (int)rates[0]);
        return inner % width != 0 || into[0] != 2 * inner
            ? throw config.Wrong("intermediate_size", $"a multiple of the width, which is {width}")
            : new MambaSettings(
                ModelType,
                shapes.Keys.Where(name => name.StartsWith(Layer, StringComparison.Ordinal)).Select(name => name[Layer.Length..].Split('.')[0]).Distinct().Count(),
                width,
                Context,
                (int)rates[1],
                inner / width,
                (int)Shape(shapes, $"{mixer}.conv1d.weight", 3)[2],
                (int)Shape(shapes, $"{mixer}.dt_proj.weight", 2)[1],
                shapes.ContainsKey($"{mixer}.in_proj.bias"),
                shapes.ContainsKey($"{mixer}.conv1d.bias"),
                config.Switch("residual_in_fp32", true),
                config.OptionalNumber("layer_norm_epsilon") ?? 1e-5,
                config.Switch("tie_word_embeddings", true),
                (int)embedding[0]);
    }

    public JsonObject Write(ModelSettings settings, int vocabulary)
    {
        var mamba = (MambaSettings)settings;
        return new()
        {
            ["architectures"] = new JsonArray("MambaForCausalLM"),
            ["model_type"] = ModelType,
            ["num_hidden_layers"] = mamba.Layers,
            ["hidden_size"] = mamba.Width,
            ["intermediate_size"] = mamba.Mixer.Inner,
            ["expand"] = mamba.Expand,
            ["state_size"] = mamba.State,
            ["conv_kernel"] = mamba.Convolution,
            ["time_step_rank"] = mamba.Mixer.TimeStepRank,
            ["use_bias"] = mamba.Bias,
            ["use_conv_bias"] = mamba.ConvBias,
            ["hidden_act"] = "silu",
            ["residual_in_fp32"] = mamba.ResidualInFp32,
            ["layer_norm_epsilon"] = mamba.NormEpsilon,
            ["tie_word_embeddings"] = mamba.TieEmbeddings,
            ["vocab_size"] = vocabulary,
        };
    }

    public HuggingFaceTensor Locate(string parameter) => parameter == Embedding ? new(Embedding, Aliases: OlderEmbedding) : new(parameter);

    private static IReadOnlyList<long> Shape(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, string name, int dimensions) =>
        shapes.TryGetValue(name, out var shape) && shape.Count == dimensions
            ? shape
            : throw new BadInputException($"A Mamba model has a tensor {name} of {dimensions} dimensions; these files do not.");
}
