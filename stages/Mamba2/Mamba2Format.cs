using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Mamba2;

/// <summary>Hugging Face's Mamba2ForCausalLM. Sizes come from the tensors: config.json of hub files are known to say something else. What no
/// tensor shows, how B and C are divided into groups, comes from <c>state_size</c>. Its <c>chunk_size</c> changes no result and is not read.
/// </summary>
internal sealed class Mamba2Format : IHuggingFaceFormat
{
    private const string Embeddings = "backbone.embeddings.weight", Head = "lm_head.weight", Layers = "backbone.layers.", TimeSteps = "time_step_limit";

    /// <summary>Files do not say how long sequences were; the published models have seen 2048 tokens.</summary>
    private const int PublishedContext = 2048;

    public string ModelType => "mamba2";

    public ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        config.RequireSilu();
        var embeddings = Shape(config, shapes, 2, Embeddings, "backbone.embedding.weight");
        var inner = Size(Shape(config, shapes, 2, $"{Layers}0.mixer.out_proj.weight")[1]);
        var heads = Size(Shape(config, shapes, 1, $"{Layers}0.mixer.A_log")[0]);
        var convolution = Shape(config, shapes, 3, $"{Layers}0.mixer.conv1d.weight");
        var (width, state) = (Size(embeddings[1]), config.Int("state_size"));
        var shared = (convolution[0] - inner) / 2;
        if (state < 1 || shared % state != 0)
        {
            throw config.Wrong("state_size", $"a divisor of {shared}, which the tensors have room for");
        }

        var settings = new Mamba2Settings(
            ModelType,
            LayerCount(shapes.Keys),
            width,
            PublishedContext,
            state,
            inner / heads,
            (double)inner / width,
            Size(shared / state),
            Size(convolution[2]),
            TimeStepLimit: Limit(config),
            Bias: shapes.ContainsKey($"{Layers}0.mixer.in_proj.bias"),
            ConvBias: shapes.ContainsKey($"{Layers}0.mixer.conv1d.bias"),
            ResidualInFp32: config.Switch("residual_in_fp32", true),
            NormEpsilon: config.OptionalNumber("layer_norm_epsilon") ?? 1e-5,
            TieEmbeddings: config.Switch("tie_word_embeddings", false) || !shapes.ContainsKey(Head),
            Vocabulary: Size(embeddings[0]));
        return settings.Problem() is { } problem ? throw new BadInputException($"The tensors beside config.json do not fit: {problem}.") : settings;
    }

    public JsonObject Write(ModelSettings settings, int vocabulary)
    {
        var mamba = (Mamba2Settings)settings;
        if (mamba.NormGroups != 1)
        {
            throw new BadInputException($"model.norm-groups is {mamba.NormGroups}; Hugging Face's Mamba2ForCausalLM has 1 alone.");
        }

        JsonObject config = new()
        {
            ["architectures"] = new JsonArray("Mamba2ForCausalLM"),
            ["model_type"] = ModelType,
            ["num_hidden_layers"] = mamba.Layers,
            ["hidden_size"] = mamba.Width,
            ["state_size"] = mamba.State,
            ["num_heads"] = mamba.InnerWidth / mamba.HeadSize,
            ["head_dim"] = mamba.HeadSize,
            ["expand"] = Expand(mamba.InnerWidth, mamba.Width),
            ["n_groups"] = mamba.Groups,
            ["conv_kernel"] = mamba.Convolution,
            ["chunk_size"] = mamba.Chunk,
            ["hidden_act"] = "silu",
            ["use_bias"] = mamba.Bias,
            ["use_conv_bias"] = mamba.ConvBias,
            ["residual_in_fp32"] = mamba.ResidualInFp32,
            ["layer_norm_epsilon"] = mamba.NormEpsilon,
            ["tie_word_embeddings"] = mamba.TieEmbeddings,
            ["vocab_size"] = vocabulary,
        };
        if (mamba.TimeStepLimit is { } limit)   // without the key there is none
        {
            config[TimeSteps] = new JsonArray(limit[0], limit is [_, var most] ? most : new JsonObject { ["__float__"] = "Infinity" });
        }

        return config;
    }

    public HuggingFaceTensor Locate(string parameter) =>
        parameter == Embeddings ? new(parameter, Aliases: ["backbone.embedding.weight"]) : new(parameter);

    /// <summary>Hugging Face cuts expand * hidden_size off where <see cref="Mamba2Settings.InnerWidth"/> rounds: the quotient, or the least number
    /// above it whose product is not below the inner width.</summary>
    private static double Expand(int inner, int width)
    {
        var expand = (double)inner / width;
        while ((int)(expand * width) < inner)
        {
            expand = Math.BitIncrement(expand);
        }

        return expand;
    }

    /// <summary>[0, infinity] is none: softplus is positive.</summary>
    private static double[]? Limit(HuggingFaceConfig config) => config.OptionalNumbers(TimeSteps) switch
    {
        null or [<= 0, double.PositiveInfinity] => null,
        [var low, double.PositiveInfinity] when double.IsFinite(low) => [low],
        [var low, var high] when double.IsFinite(low) && double.IsFinite(high) && low <= high => [Math.Max(0, low), high],
        _ => throw config.Wrong(TimeSteps, "a lowest and a highest time step"),
    };

    private static int LayerCount(IEnumerable<string> names) =>
        names.Where(name => name.StartsWith(Layers, StringComparison.Ordinal)).Select(name => name[Layers.Length..].Split('.')[0]).Distinct().Count();

    private static IReadOnlyList<long> Shape(
        HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, int dimensions, params string[] names)
    {
        var shape = names.Select(name => shapes.GetValueOrDefault(name)).FirstOrDefault(found => found is not null);
        return shape?.Count == dimensions && shape.All(size => size is > 0 and <= int.MaxValue)
            ? shape
            : throw config.Wrong("model_type", $"that of the tensors beside it: {names[0]} with {dimensions} dimensions is missing");
    }

    private static int Size(long size) => checked((int)size);
}
