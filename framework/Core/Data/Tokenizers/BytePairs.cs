using System.Text;
using System.Text.Unicode;
using Microsoft.ML.Tokenizers;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>A vocabulary with a list of merges, as Hugging Face's files have them.</summary>
internal static class BytePairs
{
    /// <param name="vocabulary">Ids by token, in <see cref="ByteSymbols"/>.</param>
    /// <param name="merges">Pairs, the first to be merged first.</param>
    /// <param name="whole">A word that is a token is that token, whatever its merges would give.</param>
    /// <exception cref="BadInputException">A byte or a merged token is not in the vocabulary.</exception>
    public static ByteLevelTokenizer.Merges Create(string file, Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, bool whole)
    {
        for (var value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteSymbols.Of((byte)value).ToString()))
            {
                throw new BadInputException($"data.tokenizer: {file} has no token for the byte {value}; a byte-level tokenizer has one for each.");
            }
        }

        foreach (var (left, right) in merges)
        {
            if (Array.Find([left, right, left + right], part => !vocabulary.ContainsKey(part)) is { } missing)
            {
                throw new BadInputException($"data.tokenizer: {file} merges {left} and {right}, and {missing} is no token of its vocabulary.");
            }
        }

        var tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = merges.Select(pair => $"{pair.Left} {pair.Right}"), ByteLevel = true });
        if (!whole)
        {
            return word => tokenizer.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false);
        }

        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in vocabulary)
        {
            var bytes = ByteSymbols.Bytes(token);
            if (Utf8.IsValid(bytes))
            {
                words.TryAdd(Encoding.UTF8.GetString(bytes), id);
            }
        }

        var lookup = words.GetAlternateLookup<ReadOnlySpan<char>>();
        return word => lookup.TryGetValue(word, out var id)
            ? [id]
            : tokenizer.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false);
    }
}
