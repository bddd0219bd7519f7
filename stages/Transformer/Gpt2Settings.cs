using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Transformer;

/// <summary>The GPT-2 family (Radford et al. 2019): learned positions, pre-norm, tanh-GELU feed-forward of four times the width.</summary>
/// <param name="Dropout">Probability, at GPT-2's four places: embeddings, attention weights, and both residual branches.</param>
/// <param name="Bias">Biases in linear layers and norms.</param>
/// <param name="TieEmbeddings">The head uses the token embedding's weight.</param>
public sealed record Gpt2Settings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 1_000_000)] int Heads,
    [Limits(1, 100_000_000)] int Context,
    [Limits(0, 1, ExcludeMaximum = true)] double Dropout = 0.0,
    bool Bias = true,
    bool TieEmbeddings = true,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    public override string? KeyBesideLoss => Dropout > 0 ? "model.dropout" : null;

    public string? Problem() => Width % Heads == 0
        ? null
        : $"model.heads is {Heads}, which does not divide model.width {Width}; allowed are the divisors of the width";
}
