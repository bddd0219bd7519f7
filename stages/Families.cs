using Pipeline.Stages.Hybrid;
using Pipeline.Stages.Hyperdimensional;
using Pipeline.Stages.Jamba;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Mamba2;
using Pipeline.Stages.Mamba3;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages;

/// <summary>The model families that come with the framework.</summary>
public static class Families
{
    public static IReadOnlyList<IArchitecture> All { get; } =
    [
        new Gpt2(), new Llama(), new Mamba1(), new Mamba2LanguageModel(), new Mamba3LanguageModel(), new JambaLanguageModel(), new HybridLanguageModel(),
        new HyperdimensionalLanguageModel(),
    ];
}
