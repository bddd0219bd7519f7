using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Multi-query associative recall (Arora et al. 2023, "Zoology", arXiv:2312.04927).</summary>
/// <param name="Vocabulary">Distinct tokens: keys are of the lower half, values of the upper.</param>
/// <param name="Length">Tokens of a sequence.</param>
/// <param name="Pairs">Of a key and a value, at the beginning of a sequence; each key is asked for once in what follows.</param>
/// <param name="Power">Of the power law of the gaps between pairs and queries: near 0 they are short, 1 makes all equally likely.</param>
/// <param name="Noise">Places without a query hold random tokens; token 0 without.</param>
public sealed record RecallSettings(
    [Limits(4, 1_000_000)] int Vocabulary = 256,
    [Limits(4, 1_000_000)] int Length = 64,
    [Limits(1, 100_000)] int Pairs = 4,
    [Limits(0, 1, ExcludeMinimum = true)] double Power = 0.01,
    bool Noise = true,
    string Kind = RecallSettings.Name)
    : TaskSettings(Kind)
{
    public const string Name = "mqar";

    internal override string? Problem() => this switch
    {
        { Length: var length } when length % 2 != 0 => Text($"data.length must be even, not {length}"),
        { Length: var length, Pairs: var pairs } when 4L * pairs > length =>
            Text($"data.pairs must be at most a quarter of data.length, which is {length}, not {pairs}"),
        { Vocabulary: var vocabulary, Pairs: var pairs } when pairs > (vocabulary / 2) - 1 =>
            Text($"data.pairs must be less than half of data.vocabulary, which is {vocabulary}, not {pairs}"),
        _ => null,
    };

    internal override ISequenceTask Create(long seed) => new Recall(this, seed);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
