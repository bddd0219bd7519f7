using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Stages.Transformer;

/// <summary>GPT-2 (Radford et al. 2019), layers and names as in Hugging Face's GPT2LMHeadModel without its <c>transformer.</c> prefix;
/// linear weights are (out, in). Initialisation: normal with deviation 0.02, residual projections scaled by 1/sqrt(2 layers).</summary>
public sealed class Gpt2 : IArchitecture
{
    private const double Deviation = 0.02;

    public string Name => "gpt2";

    public Type Settings => typeof(Gpt2Settings);

    public IHuggingFaceFormat HuggingFace { get; } = new Gpt2Format();

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var gpt2 = (Gpt2Settings)settings;
        return new(
            [Embedding(gpt2, vocabulary), .. Enumerable.Range(0, gpt2.Layers).Select(index => Block(gpt2, index)), Head(gpt2, vocabulary)],
            TokenPrediction.Instance,
            gpt2.Context);
    }

    private static LayerDefinition Embedding(Gpt2Settings settings, int vocabulary) => new(
        "embedding",
        [Matrix("wte.weight", vocabulary, settings.Width), Matrix("wpe.weight", settings.Context, settings.Width)],
        new((double)settings.Context * settings.Width, (double)settings.Context * settings.Width),
        parameters => new Gpt2Embedding(settings, parameters["wte.weight"], parameters["wpe.weight"]));

    private static LayerDefinition Block(Gpt2Settings settings, int index)
    {
        var (width, name) = (settings.Width, $"h.{index}");
        var residual = Deviation / Math.Sqrt(2.0 * settings.Layers);
        var matrices = 12.0 * width * width;
        return new(
            name,
            [
                .. Norm($"{name}.ln_1", settings),
                .. Linear($"{name}.attn.c_attn", 3L * width, width, settings, Deviation),
                .. Linear($"{name}.attn.c_proj", width, width, settings, residual),
                .. Norm($"{name}.ln_2", settings),
                .. Linear($"{name}.mlp.c_fc", 4L * width, width, settings, Deviation),
                .. Linear($"{name}.mlp.c_proj", width, 4L * width, settings, residual),
            ],
            // Kept, in widths: the input, both norms and the sum between, queries, keys, values and what they mix, and twice the hidden layer.
            new(settings.Context * ((2 * matrices) + (4.0 * settings.Context * width)), 16.0 * settings.Context * width),
            parameters => new Gpt2Block(settings, name, parameters));
    }

    private static LayerDefinition Head(Gpt2Settings settings, int vocabulary)
    {
        var weight = settings.TieEmbeddings ? "wte.weight" : "lm_head.weight";
        return new(
            "head",
            [.. Norm("ln_f", settings), Matrix(weight, vocabulary, settings.Width)],
            new(2.0 * settings.Context * settings.Width * vocabulary, (double)settings.Context * ((2.0 * settings.Width) + vocabulary)),
            parameters => new Gpt2Head(parameters["ln_f.weight"], parameters.GetValueOrDefault("ln_f.bias"), parameters[weight]));
    }

    private static IEnumerable<ParameterDefinition> Linear(string name, long outputs, long inputs, Gpt2Settings settings, double deviation) =>
        Projection.Parameters(name, outputs, inputs, settings.Bias, Initialization.Normal(deviation));

    private static IEnumerable<ParameterDefinition> Norm(string name, Gpt2Settings settings)
    {
        yield return new($"{name}.weight", [settings.Width], Initialization.Constant(1));
        if (settings.Bias)
        {
            yield return new($"{name}.bias", [settings.Width], Initialization.Constant(0));
        }
    }

    private static ParameterDefinition Matrix(string name, long rows, long columns) => new(name, [rows, columns], Initialization.Normal(Deviation));
}
