using System.Globalization;
using System.Text;

namespace Pipeline.Core.Data;

/// <summary>A token is a character (code point) of a table.</summary>
/// <param name="characters">The table in the order of ids.</param>
public sealed class CharacterCodec(string characters) : ITextCodec
{
    private readonly Rune[] runes = [.. characters.EnumerateRunes()];
    private readonly Dictionary<Rune, long> ids = characters.EnumerateRunes().Index().ToDictionary(entry => entry.Item, entry => (long)entry.Index);

    /// <summary>Number of distinct tokens.</summary>
    public int Count => runes.Length;

    public IReadOnlyList<long> Encode(string text) => [.. text.EnumerateRunes().Select(Id)];

    public string Decode(IReadOnlyList<long> tokens) => string.Concat(tokens.Select(token => runes[token]));

    /// <summary>Bytes of a token's character in UTF-8.</summary>
    public int Bytes(long token) => runes[token].Utf8SequenceLength;

    private long Id(Rune rune) => ids.TryGetValue(rune, out var id) ? id : throw new BadInputException(string.Create(
        CultureInfo.InvariantCulture,
        $"The character U+{rune.Value:X4}{(Rune.IsControl(rune) ? "" : $" ({rune})")} is not one of the {Count} characters that the model was trained on."));
}
