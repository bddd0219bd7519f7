using System.Text;
using CsCheck;

namespace Pipeline.Core.Tests.Data.Tokenizers;

/// <summary>Text in which words, numbers, white space, marks and characters beyond U+FFFF meet in all ways.</summary>
internal static class MixedText
{
    private static readonly string[] Parts =
    [
        "a", "hello", "hell", "world", "A", "\u01C5", "\u00E9", "\u4E2D", "1", "23", "4567", "\u0664", "\u2167", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00A0", "\u3000", "\u0085",
        ".", "!?", "'", "'s", "'LL", "'ve", "/", "-", "<", "<|endoftext|>", "\u0301", "\u200B", "\uD83D\uDE00", "\uD835\uDC00", "\uD840\uDC00", "\uD835\uDFCE", "\u0000",
    ];

    public static Gen<string> Any { get; } = Of(60, Parts);

    /// <summary>Up to so many of these, one after another.</summary>
    public static Gen<string> Of(int most, params string[] parts) =>
        Gen.Int[0, parts.Length - 1].Array[0, most].Select(chosen => string.Concat(chosen.Select(part => parts[part])));

    /// <summary>Always the same text, of a few megabytes.</summary>
    public static string Long(int parts, int seed = 1)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        for (var i = 0; i < parts; i++)
        {
            text.Append(Parts[random.Next(Parts.Length)]);
        }

        return text.ToString();
    }
}
