using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Stages.Reasoners;

/// <summary>The Tiny Recursive Model (Jolicoeur-Martineau 2025, arXiv:2510.04871): one small network thinks about a puzzle again and again. The keys
/// <c>net-layers</c> to <c>halt-exploration</c> have the defaults of the reference implementation.</summary>
/// <param name="Context">Cells of a puzzle.</param>
/// <param name="Heads">Of attention; must be given without <c>mlp-t</c>, and divide the width.</param>
/// <param name="NetLayers">Blocks of the network.</param>
/// <param name="HighCycles">Updates of the answer, the high state, in a pass.</param>
/// <param name="LowCycles">Updates of the low state before each of these.</param>
/// <param name="Expansion">Of the feed-forwards, in widths; their inner width is 2/3 of it, rounded up to a multiple of 256.</param>
/// <param name="MlpT">A feed-forward over the positions takes the place of attention: for small puzzles of one size.</param>
/// <param name="Positions"><c>rotary</c>, in attention; <c>learned</c>: a vector for each is added to the embedding; or <c>none</c>.</param>
/// <param name="RopeTheta">The base of the rotary positions' frequencies.</param>
/// <param name="PuzzleLength">Positions before the cells, for the puzzle embedding; 0: there is none.</param>
/// <param name="PuzzleLearningRate">Of the puzzle embedding, which is updated by the sign of its gradient.</param>
/// <param name="PuzzleWeightDecay">Of the puzzle embedding.</param>
/// <param name="HaltMaxPasses">The most passes over a puzzle, and as many in an evaluation.</param>
/// <param name="HaltExploration">The share of passes whose puzzle may not halt before a number of passes that is drawn.</param>
/// <param name="Loss">Of a cell.</param>
public sealed record TrmSettings(
    string Architecture,
    [Limits(1, 1_000_000)] int Width,
    [Limits(1, 1_000_000)] int Context,
    [Limits(1, 1_000_000)] int? Heads = null,
    [Limits(1, 1000)] int NetLayers = 2,
    [Limits(1, 1000)] int HighCycles = 3,
    [Limits(1, 1000)] int LowCycles = 6,
    [Limits(0, 1000, ExcludeMinimum = true)] double Expansion = 4,
    bool MlpT = false,
    [OneOf("rotary", "learned", "none")] string Positions = "rotary",
    [Limits(1)] double RopeTheta = 10_000,
    [Limits(0, 10_000)] int PuzzleLength = 16,
    [Limits(0)] double PuzzleLearningRate = 1e-4,
    [Limits(0)] double PuzzleWeightDecay = 1,
    [Limits(1, 10_000)] int HaltMaxPasses = 16,
    [Limits(0, 1)] double HaltExploration = 0.1,
    [OneOf("stablemax", "softmax")] string Loss = "stablemax",
    [Limits(0, 1, ExcludeMinimum = true)] double NormEpsilon = 1e-5,
    [Limits(1, 10_000_000)] int? Vocabulary = null)
    : ModelSettings(Architecture, Recursion.Calls(HighCycles, LowCycles), Width, Context, Vocabulary), ICheckedSettings
{
    public override string LayersKey => "model.high-cycles x (model.low-cycles + 1), the calls of the network";

    public string? Problem() => this switch
    {
        { MlpT: true } => null,
        { Heads: null } => "model.heads is missing, and model.mlp-t is false; it must be a whole number from 1",
        _ => ReasoningNetSettings.Problem(Width, Heads.Value, Positions),
    };

    internal Recursion Unrolled(int vocabulary)
    {
        var embedding = new ReasoningEmbeddingSettings(
            Context, Width, vocabulary, PuzzleLength, Positions == "learned", PuzzleLearningRate, PuzzleWeightDecay);
        var net = new ReasoningNetSettings(
            NetLayers, Width, embedding.Length, MlpT ? null : Heads, Expansion, Positions == "rotary" ? new(Theta: RopeTheta) : null, NormEpsilon);
        return new(
            embedding, net, "L_level", net, "L_level", HighCycles, LowCycles, LearnsLastCallsOnly: false, LooksAhead: false,
            new(HaltMaxPasses, HaltExploration, WeighsGoingOn: false), Loss == "stablemax");
    }
}
