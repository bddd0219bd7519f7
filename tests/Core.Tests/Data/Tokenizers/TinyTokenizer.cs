using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pipeline.Core.Tests.Data.Tokenizers;

/// <summary>A byte-level BPE tokenizer with a handful of merges, in each of the forms that it can have as a file. The id of a byte is the byte.</summary>
internal static class TinyTokenizer
{
    public const int EndOfText = 263;

    public const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>In the order of their ids, from 256 on; a space is U+0120, a line end U+010A, and \u00C3\u00A9 are the bytes of an e with an accent.</summary>
    public static readonly (string Left, string Right)[] Merges =
        [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("\u0120", "w"), ("\u00C3", "\u00A9"), ("\u010A", "\u010A")];

    public static Dictionary<string, int> Vocabulary()
    {
        var vocabulary = new Dictionary<string, int>();
        var shifted = 256;
        for (var value = 0; value < 256; value++)
        {
            // Written here once more, from the description: printable Latin-1 stands for itself.
            var symbol = value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255) ? (char)value : (char)shifted++;
            vocabulary.Add(symbol.ToString(), value);
        }

        foreach (var (left, right) in Merges)
        {
            vocabulary.Add(left + right, vocabulary.Count);
        }

        return vocabulary;
    }

    /// <param name="change">What this file has otherwise.</param>
    public static string Json(Action<JsonNode>? change = null)
    {
        var json = JsonSerializer.SerializeToNode(new
        {
            version = "1.0",
            added_tokens = new[] { new { id = EndOfText, content = "<|endoftext|>", single_word = false, lstrip = false, rstrip = false, normalized = false, special = true } },
            normalizer = (string?)null,
            pre_tokenizer = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = true },
            model = new { type = "BPE", dropout = (double?)null, vocab = Vocabulary(), merges = Merges.Select(pair => $"{pair.Left} {pair.Right}") },
        })!;
        change?.Invoke(json);
        return json.ToJsonString();
    }

    /// <summary>With the words of another family.</summary>
    public static string WithPattern(string pattern) => Json(json => json["pre_tokenizer"] = JsonSerializer.SerializeToNode(new
    {
        type = "Sequence",
        pretokenizers = new object[]
        {
            new { type = "Split", pattern = new { Regex = pattern }, behavior = "Isolated", invert = false },
            new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = false },
        },
    }));

    public static string MergesText() => "#version: 0.2\n" + string.Concat(Merges.Select(pair => $"{pair.Left} {pair.Right}\n"));

    public static string Tiktoken()
    {
        var symbols = Vocabulary().Where(token => token.Key.Length == 1).ToDictionary(token => token.Key[0], token => (byte)token.Value);
        return string.Concat(Vocabulary().OrderBy(token => token.Value)
            .Select(token => $"{Convert.ToBase64String([.. token.Key.Select(symbol => symbols[symbol])])} {token.Value}\n"));
    }

    /// <summary>One word the slow way: of all pairs the one that comes first in the list, and of those the leftmost, until there is none.</summary>
    public static long[] Slowly(string word)
    {
        var symbols = Vocabulary().Where(token => token.Key.Length == 1).ToDictionary(token => token.Value, token => token.Key);
        var parts = Encoding.UTF8.GetBytes(word).Select(value => symbols[value]).ToList();
        while (true)
        {
            var best = (Rank: int.MaxValue, Place: -1);
            for (var i = 0; i + 1 < parts.Count; i++)
            {
                var rank = Array.IndexOf(Merges, (parts[i], parts[i + 1]));
                if (rank >= 0 && rank < best.Rank)
                {
                    best = (rank, i);
                }
            }

            if (best.Place < 0)
            {
                var vocabulary = Vocabulary();
                return [.. parts.Select(part => (long)vocabulary[part])];
            }

            parts[best.Place] += parts[best.Place + 1];
            parts.RemoveAt(best.Place + 1);
        }
    }
}
