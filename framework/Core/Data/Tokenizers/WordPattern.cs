using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>Cuts text into the words within which pairs are merged. Only patterns that are known here run: a pattern out of a file could take
/// for ever, and of these alone it is certain that text can be cut between a letter or digit and white space (<see cref="Border"/>).</summary>
internal sealed partial class WordPattern
{
    private const string Contractions = "'(?:[sS\u017FtTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";

    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";

    private const string Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";

    private const string Spaces = @"|\s*[\r\n]+|\s+(?!\S)|\s+";

    private readonly Regex regex;

    private WordPattern(Regex regex) => this.regex = regex;

    /// <summary>GPT-2's, which is also what the pre-tokenizer ByteLevel does.</summary>
    public static WordPattern Gpt2 { get; } = new(Gpt2Regex);

    public static WordPattern Cl100k { get; } = new(Cl100kRegex);

    public static WordPattern O200k { get; } = new(O200kRegex);

    /// <summary>The pre-tokenizer Digits.</summary>
    public static WordPattern Digits { get; } = new(DigitsRegex);

    /// <summary>The pre-tokenizer Digits with individual_digits.</summary>
    public static WordPattern EachDigit { get; } = new(EachDigitRegex);

    /// <summary>By the text of the pattern in a tokenizer.json.</summary>
    public static IReadOnlyDictionary<string, WordPattern> Known { get; } = new Dictionary<string, WordPattern>(StringComparer.Ordinal)
    {
        [@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = Gpt2,
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = Cl100k,
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = new(Qwen2Regex),
        [@"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = O200k,
    };

    /// <summary>The last place where text can be cut so that its parts have the words of the whole, whatever follows; 0 where there is none.
    /// In every known pattern a word that has a letter or digit ends at white space, and nothing looks back.</summary>
    public static int Border(ReadOnlySpan<char> text)
    {
        for (var i = text.Length - 1; i > 0; i--)
        {
            if (char.IsWhiteSpace(text[i]) && EndsInLetterOrDigit(text[..i]))
            {
                return i;
            }
        }

        return 0;
    }

    /// <summary>Adds where each word ends.</summary>
    public void Split(ReadOnlySpan<char> text, List<int> ends)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') >= 0)
        {
            SplitCategories(text, ends);
            return;
        }

        var end = 0;
        foreach (var match in regex.EnumerateMatches(text))
        {
            if (match.Index > end)
            {
                ends.Add(match.Index);
            }

            ends.Add(end = match.Index + match.Length);
        }

        if (end < text.Length)
        {
            ends.Add(text.Length);
        }
    }

    /// <summary>.NET's patterns see two characters where there is one beyond U+FFFF, and know its category for neither: they are shown one
    /// character of the same category instead.</summary>
    private void SplitCategories(ReadOnlySpan<char> text, List<int> ends)
    {
        var shown = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var place = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(place);
            shown.Append(rune.IsBmp ? (char)rune.Value : OfCategory(Rune.GetUnicodeCategory(rune)));
            place += rune.Utf16SequenceLength;
        }

        starts.Add(text.Length);
        var first = ends.Count;
        Split(shown.ToString(), ends);
        for (var i = first; i < ends.Count; i++)
        {
            ends[i] = starts[ends[i]];
        }
    }

    private static char OfCategory(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => 'A',
        UnicodeCategory.LowercaseLetter => 'b', // In none of the contractions.
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u0627',
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => '\u0300',
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '0',
        _ => '*',
    };

    private static bool EndsInLetterOrDigit(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done
        && Rune.GetUnicodeCategory(rune) is <= UnicodeCategory.OtherLetter
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    [GeneratedRegex(@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2Regex { get; }

    [GeneratedRegex(Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Spaces)]
    private static partial Regex Cl100kRegex { get; }

    [GeneratedRegex(Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Spaces)]
    private static partial Regex Qwen2Regex { get; }

    [GeneratedRegex(
        @"[^\r\n\p{L}\p{N}]?" + Upper + "*" + Lower + "+(?:" + Contractions + @")?|[^\r\n\p{L}\p{N}]?" + Upper + "+" + Lower + "*(?:" + Contractions
        + @")?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + Spaces)]
    private static partial Regex O200kRegex { get; }

    [GeneratedRegex(@"\p{N}+")]
    private static partial Regex DigitsRegex { get; }

    [GeneratedRegex(@"\p{N}")]
    private static partial Regex EachDigitRegex { get; }
}
