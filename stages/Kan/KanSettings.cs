using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Kan;

/// <summary>The Kolmogorov-Arnold network (Liu et al. 2024, arXiv:2404.19756): layers of learned functions of one variable, for regression on real
/// numbers. A key of another kind than the network's has no effect.</summary>
/// <param name="Widths">The inputs, then the outputs of each layer.</param>
/// <param name="Kind">Of the functions: <c>spline</c> (efficient-kan), <c>gaussian</c> (FastKAN), or <c>rational</c>: learned activations before linear
/// layers (GR-KAN).</param>
/// <param name="Grid">Intervals of a spline's grid, before the first refinement.</param>
/// <param name="Order">Of the splines: 3 is cubic.</param>
/// <param name="Range">Where the splines' grid begins and ends before it adapts, or the first and the last Gaussian lie.</param>
/// <param name="Gaussians">Of a function.</param>
/// <param name="LayerNorm">The Gaussians see the layer norm of a layer's inputs, where these are several.</param>
/// <param name="Groups">Of a layer's inputs that share a denominator of their rational activation; where they do not divide the inputs, the greatest
/// number that divides both.</param>
/// <param name="GridUpdateEvery">Steps from one update of the splines' grids from data to the next; 0 turns them off.</param>
/// <param name="GridUpdateUntil">The last step after which there may be one.</param>
/// <param name="GridEps">The share of an even grid in an updated one; the rest are quantiles of the data.</param>
/// <param name="Refine">Intervals after each refinement, each a multiple of those before.</param>
/// <param name="RefineEvery">Steps from one refinement to the next.</param>
public sealed record KanSettings(
    string Architecture,
    [Limits(1, 1_000_000)] IReadOnlyList<int> Widths,
    [OneOf("spline", "gaussian", "rational")] string Kind = "spline",
    [Limits(1, 10_000)] int Grid = 5,
    [Limits(0, 10)] int Order = 3,
    [Limits(-1e6, 1e6)] IReadOnlyList<double>? Range = null,
    [Limits(2, 10_000)] int Gaussians = 8,
    bool LayerNorm = true,
    [Limits(1, 1_000_000)] int Groups = 8,
    [Limits(0)] long GridUpdateEvery = 5,
    [Limits(0)] long GridUpdateUntil = 50,
    [Limits(0, 1, ExcludeMinimum = true)] double GridEps = 0.02,
    [Limits(1, 10_000)] IReadOnlyList<int>? Refine = null,
    [Limits(1)] long RefineEvery = 200)
    : ModelSettings(Architecture, Widths.Count - 1, Widths.DefaultIfEmpty().Max(), Context: 1), ICheckedSettings
{
    public override string LayersKey => "the number of layers in model.widths";

    /// <summary>Intervals at the start and after each refinement.</summary>
    internal IReadOnlyList<int> Grids => [Grid, .. Refine ?? []];

    /// <param name="intervals">Of its grids: samples for a knot each are needed.</param>
    internal Adaptation? Adaptation(int intervals) =>
        Kind == "spline" && GridUpdateEvery > 0 ? new(GridUpdateEvery, GridUpdateUntil, intervals + 1) : null;

    internal (double Low, double High) ResolvedRange => Range is { } range ? (range[0], range[1]) : Kind == "spline" ? (-1, 1) : (-2, 2);

    public string? Problem() => this switch
    {
        _ when Widths.Count < 2 => $"model.widths must be a list of 2 numbers or more, the inputs and the outputs of each layer, not of {Widths.Count}",
        _ when Range is { Count: not 2 } => $"model.range must be a list of 2 numbers, the least and the greatest, not of {Range.Count}",
        _ when ResolvedRange.Low >= ResolvedRange.High => $"model.range must be a list of 2 numbers, the second greater than the first, {Number(Range![0])}, not {Number(Range[1])}",
        _ when Refine is { Count: > 0 } && Kind != "spline" => $"model.refine is given, and only splines can be refined; model.kind is {Kind}, and must be spline",
        _ when Grids.Zip(Grids.Skip(1)).FirstOrDefault(pair => pair.Second <= pair.First || pair.Second % pair.First != 0) is { First: > 0 } wrong =>
            $"model.refine has {wrong.Second} after {wrong.First} intervals; allowed are larger multiples of these, so that functions stay what they are",
        _ => null,
    };

    private static string Number(double number) => number.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
}
