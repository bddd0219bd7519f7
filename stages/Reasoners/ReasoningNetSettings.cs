using Pipeline.Stages.Transformer;

namespace Pipeline.Stages.Reasoners;

/// <summary>What one call of a reasoner's network computes.</summary>
/// <param name="Layers">Blocks.</param>
/// <param name="Length">Positions: those of the puzzle embedding, and a cell each.</param>
/// <param name="Heads">Of attention; null: a feed-forward over the positions takes its place.</param>
/// <param name="Expansion">Of the feed-forwards, in widths, of which 2/3 are used.</param>
/// <param name="Rope">Null: attention has no positions.</param>
internal sealed record ReasoningNetSettings(int Layers, int Width, int Length, int? Heads, double Expansion, RopeSettings? Rope, double NormEpsilon)
{
    /// <summary>What does not fit among a job's keys of attention, for <see cref="Core.Configuration.ICheckedSettings"/>.</summary>
    internal static string? Problem(int width, int heads, string positions) => (width % heads, positions) switch
    {
        (not 0, _) => $"model.heads is {heads}, which does not divide model.width {width}; allowed are the divisors of the width",
        (_, "rotary") when width / heads % 2 != 0 =>
            $"model.heads is {heads}, which makes heads of {width / heads} numbers, and rotary positions turn pairs; allowed is what makes an even number",
        _ => null,
    };
}
