using Pipeline.Core.Jobs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>An encoder of the last tokens into a hypervector, gated residual blocks that map it to one that is like the next token's symbol, and a head
/// that compares it with all symbols. The symbols are drawn once and never learned. Initialisation of the blocks as in Llama.</summary>
public sealed class HyperdimensionalLanguageModel : IArchitecture
{
    private const double Deviation = 0.02;

    public string Name => "hyperdimensional";

    public Type Settings => typeof(HyperdimensionalSettings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var model = (HyperdimensionalSettings)settings;
        var codebook = new ParameterDefinition("codebook", [vocabulary, model.Width], new RandomSigns(), Update: ParameterUpdate.Fixed);
        return new(
            [
                HypervectorEncoder.Define(codebook, model.Window, model.Encoding == "bind", model.Context),
                .. Enumerable.Range(0, model.Layers).Select(index => Block(model, $"blocks.{index}")),
                SimilarityHead.Define(codebook, model.NormEpsilon, model.Context),
            ],
            TokenPrediction.Instance);
    }

    private static LayerDefinition Block(HyperdimensionalSettings settings, string name) => ResidualBlock.Define(
        name,
        settings.Width,
        settings.Context,
        settings.NormEpsilon,
        new Branch(
            $"{name}.norm.weight",
            SwiGlu.Parameters(
                $"{name}.map", settings.Width, settings.ResolvedInner, bias: false, Initialization.Normal(Deviation), Initialization.Normal(Deviation / Math.Sqrt(settings.Layers))),
            SwiGlu.Cost(settings.Width, settings.ResolvedInner, settings.Context),
            parameters => new SwiGlu($"{name}.map", parameters)));
}
