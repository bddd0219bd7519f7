using System.Text;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>Byte-level byte-pair encoding (Sennrich et al. 2016; over bytes: Radford et al. 2019): added tokens are taken out of the text, the
/// rest is cut into words, and within each word pairs are merged.</summary>
/// <param name="patterns">Each cuts what the one before has left.</param>
/// <param name="mergesOf">The ids of a word, by the library.</param>
/// <param name="bytesOf">By id; null where an id has no token.</param>
internal sealed class ByteLevelTokenizer(
    string name,
    IReadOnlyList<WordPattern> patterns,
    IReadOnlyList<AddedTokens> added,
    ByteLevelTokenizer.Merges mergesOf,
    byte[]?[] bytesOf,
    int? endOfText) : TokenizerFile
{
    /// <summary>Names of the token between documents, the first that a file has.</summary>
    public static readonly IReadOnlyList<string> EndsOfText = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"];

    /// <summary>Characters; the time that the library takes for a word grows with the square of its length.</summary>
    public const int LongestWord = 1 << 17;

    public override string Name => name;

    public override int Vocabulary => bytesOf.Length;

    public override int? EndOfText => endOfText;

    /// <summary>The table by id.</summary>
    /// <param name="tokens">With their ids, each of which is there once.</param>
    /// <exception cref="BadInputException">An id is there twice, or out of bounds.</exception>
    public static byte[]?[] Table(string file, IEnumerable<(int Id, byte[] Bytes)> tokens)
    {
        var list = tokens.ToArray();
        if (list.Length == 0 || list.Min(token => token.Id) < 0 || list.Max(token => token.Id) >= LargestVocabulary)
        {
            throw new BadInputException($"data.tokenizer: {file} must have tokens with ids from 0 to {LargestVocabulary - 1}.");
        }

        var table = new byte[]?[list.Max(token => token.Id) + 1];
        foreach (var (id, bytes) in list)
        {
            table[id] = table[id] is null ? bytes : throw new BadInputException($"data.tokenizer: {file} gives the id {id} to two tokens.");
        }

        return table;
    }

    public override string Decode(IReadOnlyList<long> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            bytes.AddRange((token >= 0 && token < bytesOf.Length ? bytesOf[token] : null) ?? "\uFFFD"u8);
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    public override int Border(ReadOnlySpan<char> text) => WordPattern.Border(text);

    public override void Encode(string piece, bool first, List<int> ids) => Take(piece, 0, ids);

    private void Take(ReadOnlySpan<char> text, int tier, List<int> ids)
    {
        if (tier == added.Count)
        {
            Cut(text, 0, ids);
            return;
        }

        added[tier].Split(text, (between, id) =>
        {
            if (id is { } known)
            {
                ids.Add(known);
            }
            else
            {
                Take(between, tier + 1, ids);
            }
        });
    }

    private void Cut(ReadOnlySpan<char> text, int stage, List<int> ids)
    {
        if (stage == patterns.Count)
        {
            ids.AddRange(text.Length <= LongestWord
                ? mergesOf(text)
                : throw new BadInputException($"a word has {text.Length} characters, beginning with {QuotedText.Of(text[..20].ToString())}; a tokenizer file takes at most {LongestWord}."));
            return;
        }

        var ends = new List<int>();
        patterns[stage].Split(text, ends);
        var start = 0;
        foreach (var end in ends)
        {
            Cut(text[start..end], stage + 1, ids);
            start = end;
        }
    }

    public delegate IReadOnlyList<int> Merges(ReadOnlySpan<char> word);
}
