using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Selective copying (Gu and Dao 2023, arXiv:2312.00752).</summary>
/// <param name="Vocabulary">Distinct tokens: 0 is noise, the last one the marker, the others are copied.</param>
/// <param name="Length">Tokens of a sequence, the markers included.</param>
/// <param name="Tokens">To be copied, and markers at the end.</param>
public sealed record SelectiveCopyingSettings(
    [Limits(3, 1_000_000)] int Vocabulary = 16,
    [Limits(2, 1_000_000)] int Length = 256,
    [Limits(1, 500_000)] int Tokens = 16,
    string Kind = SelectiveCopyingSettings.Name)
    : TaskSettings(Kind)
{
    public const string Name = "selective-copying";

    internal override string? Problem() => 2L * Tokens <= Length ? null : string.Create(
        CultureInfo.InvariantCulture, $"data.tokens must be at most half of data.length, which is {Length}, not {Tokens}");

    internal override ISequenceTask Create(long seed) => new SelectiveCopying(this, seed);
}
