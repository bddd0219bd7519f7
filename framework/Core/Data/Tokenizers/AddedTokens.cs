using System.Text.RegularExpressions;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>Tokens that are found in text before anything else is done to it: the leftmost, and of those the longest.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<string, int> ids;
    private readonly Regex? any;

    public AddedTokens(Dictionary<string, int> ids)
    {
        this.ids = ids;
        any = ids.Count == 0
            ? null
            : new(string.Join('|', ids.Keys.OrderByDescending(token => token.Length).Select(Regex.Escape)), RegexOptions.CultureInvariant);
    }

    /// <summary>Calls for every part of the text in order: with the id of an added token, or null for what lies between.</summary>
    public void Split(ReadOnlySpan<char> text, Part part)
    {
        var end = 0;
        if (any is not null)
        {
            var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var match in any.EnumerateMatches(text))
            {
                Between(text[end..match.Index]);
                part([], lookup[text.Slice(match.Index, match.Length)]);
                end = match.Index + match.Length;
            }
        }

        Between(text[end..]);

        void Between(ReadOnlySpan<char> between)
        {
            if (!between.IsEmpty)
            {
                part(between, null);
            }
        }
    }

    public delegate void Part(ReadOnlySpan<char> between, int? id);
}
