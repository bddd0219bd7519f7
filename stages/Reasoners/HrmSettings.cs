using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Reasoners;

/// <summary>The Hierarchical Reasoning Model (Wang et al. 2025, arXiv:2506.21734): two networks, one called more often than the other, think about a
/// puzzle again and again. The keys <c>high-layers</c> to <c>halt-exploration</c> have the defaults of the reference implementation.</summary>
/// <param name="Context">Cells of a puzzle.</param>
/// <param name="HighLayers">Blocks of the network for the high state.</param>
/// <param name="LowLayers">Blocks of the network for the low state.</param>
/// <param name="HighCycles">Updates of the high state in a pass.</param>
/// <param name="LowCycles">Updates of the low state before each of these.</param>
/// <param name="Heads">Must divide the width.</param>
/// <param name="Expansion">Of the feed-forwards, in widths; their inner width is 2/3 of it, rounded up to a multiple of 256.</param>
/// <param name="Positions"><c>rotary</c>; <c>learned</c>: a vector for each is added to the embedding; or <c>none</c>.</param>
/// <param name="RopeTheta">The base of the rotary positions' frequencies.</param>
/// <param name="PuzzleLength">Positions before the cells, for the puzzle embedding; 0: there is none.</param>
/// <param name="PuzzleLearningRate">Of the puzzle embedding, which is updated by the sign of its gradient.</param>
/// <param name="PuzzleWeightDecay">Of the puzzle embedding.</param>
/// <param name="HaltMaxPasses">The most passes over a puzzle, and as many in an evaluation; 1: a puzzle is seen once, and nothing is learned of going on.</param>
/// <param name="HaltExploration">The share of passes whose puzzle may not halt before a number of passes that is drawn.</param>
/// <param name="Loss">Of a cell.</param>
public sealed record HrmSettings(
    string Architecture,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 1_000_000)] int Heads,
    [Limits(1, 1_000_000)] int Context,
    [Limits(1, 1000)] int HighLayers = 4,
    [Limits(1, 1000)] int LowLayers = 4,
    [Limits(1, 1000)] int HighCycles = 2,
    [Limits(1, 1000)] int LowCycles = 2,
    [Limits(0, 1000, ExcludeMinimum = true)] double Expansion = 4,
    [OneOf("rotary", "learned", "none")] string Positions = "rotary",
    [Limits(1)] double RopeTheta = 10_000,
    [Limits(0, 10_000)] int PuzzleLength = 1,
    [Limits(0)] double PuzzleLearningRate = 1e-4,
    [Limits(0)] double PuzzleWeightDecay = 1,
    [Limits(1, 10_000)] int HaltMaxPasses = 16,
    [Limits(0, 1)] double HaltExploration = 0.1,
    [OneOf("stablemax", "softmax")] string Loss = "stablemax",
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    [Limits(1, 10_000_000)] int? Vocabulary = null)
    : ModelSettings(Architecture, (HaltMaxPasses > 1 ? 2 : 1) * Recursion.Calls(HighCycles, LowCycles), Width, Context, Vocabulary), ICheckedSettings
{
    public override string LayersKey => HaltMaxPasses > 1
        ? "2 x model.high-cycles x (model.low-cycles + 1), the calls of the networks with those of the look-ahead"
        : "model.high-cycles x (model.low-cycles + 1), the calls of the networks";

    public string? Problem() => ReasoningNetSettings.Problem(Width, Heads, Positions);

    internal Recursion Unrolled(int vocabulary)
    {
        var embedding = new ReasoningEmbeddingSettings(
            Context, Width, vocabulary, PuzzleLength, Positions == "learned", PuzzleLearningRate, PuzzleWeightDecay);
        var low = new ReasoningNetSettings(
            LowLayers, Width, embedding.Length, Heads, Expansion, Positions == "rotary" ? new(Theta: RopeTheta) : null, NormEpsilon);
        return new(
            embedding, low, "L_level", low with { Layers = HighLayers }, "H_level", HighCycles, LowCycles, LearnsLastCallsOnly: true, LooksAhead: HaltMaxPasses > 1,
            new(HaltMaxPasses, HaltExploration, WeighsGoingOn: true), Loss == "stablemax");
    }
}
