using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Induction heads (Olsson et al. 2022, arXiv:2209.11895, as Gu and Dao 2023, arXiv:2312.00752, train it).</summary>
/// <param name="Vocabulary">Distinct tokens: the last one is the special one.</param>
/// <param name="Length">Tokens of a sequence.</param>
public sealed record InductionSettings(
    [Limits(3, 1_000_000)] int Vocabulary = 16,
    [Limits(3, 1_000_000)] int Length = 256,
    string Kind = InductionSettings.Name)
    : TaskSettings(Kind)
{
    public const string Name = "induction";

    internal override ISequenceTask Create(long seed) => new Induction(this, seed);
}
