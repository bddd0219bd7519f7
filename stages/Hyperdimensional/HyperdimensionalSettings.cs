using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>A language model of hyperdimensional computing: fixed random symbols around a learned map.</summary>
/// <param name="Width">Dimensions of the hypervectors: a thousand or more, so that symbols are nearly orthogonal.</param>
/// <param name="Window">Tokens that a place knows of, itself included. Less than the width.</param>
/// <param name="Encoding"><c>bundle</c>: the sum of the window's tokens, each permuted by its distance; <c>bind</c>: the sum of the n-grams of its
/// last 1, 2, ... tokens, each the product of such tokens.</param>
/// <param name="Inner">Of a block; a quarter of the width, rounded up, without it.</param>
public sealed record HyperdimensionalSettings(
    string Architecture,
    [Limits(1, 100_000)] int Layers,
    [Limits(2, 1_000_000)] int Width,
    [Limits(1, 100_000_000)] int Context,
    [Limits(1, 100_000)] int Window = 8,
    [OneOf("bundle", "bind")] string Encoding = "bundle",
    [Limits(1, 100_000_000)] int? Inner = null,
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    [Limits(1, 10_000_000)] int? Vocabulary = null) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary), ICheckedSettings
{
    internal int ResolvedInner => Inner ?? ((Width + 3) / 4);

    public string? Problem() => Window < Width
        ? null
        : $"model.window is {Window}, and a token's place is a turn of the dimensions; it must be less than model.width, which is {Width}";
}
