using System.Text;
using Microsoft.ML.Tokenizers;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>A .tiktoken file: a line for each token, its bytes in base64 and its rank, which is its id. Pattern and added tokens belong to the
/// encoding that the file's name says (tiktoken, openai_public.py).</summary>
internal static class TiktokenRanks
{
    private static readonly Dictionary<string, (WordPattern Pattern, Dictionary<string, int> Added)> Encodings = new(StringComparer.Ordinal)
    {
        ["gpt2"] = (WordPattern.Gpt2, new() { ["<|endoftext|>"] = 50256 }),
        ["r50k_base"] = (WordPattern.Gpt2, new() { ["<|endoftext|>"] = 50256 }),
        ["p50k_base"] = (WordPattern.Gpt2, new() { ["<|endoftext|>"] = 50256 }),
        ["cl100k_base"] = (WordPattern.Cl100k, new()
        {
            ["<|endoftext|>"] = 100257,
            ["<|fim_prefix|>"] = 100258,
            ["<|fim_middle|>"] = 100259,
            ["<|fim_suffix|>"] = 100260,
            ["<|endofprompt|>"] = 100276,
        }),
        ["o200k_base"] = (WordPattern.O200k, new() { ["<|endoftext|>"] = 199999, ["<|endofprompt|>"] = 200018 }),
    };

    public static TokenizerFile Read(string file)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        if (!Encodings.TryGetValue(name, out var encoding))
        {
            throw new BadInputException(
                $"data.tokenizer: {file} must be called after its encoding, which its pattern comes from: {string.Join(", ", Encodings.Keys.Select(known => $"{known}.tiktoken"))}.");
        }

        var content = TokenizerFile.Content(file);
        var ranks = new List<(int Id, byte[] Bytes)>();
        foreach (var (number, line) in Encoding.UTF8.GetString(content).Split('\n').Index())
        {
            if (line.Length > 0)
            {
                ranks.Add(Rank(line) ?? throw new BadInputException($"data.tokenizer: {file}, line {number + 1}: a token in base64, a space and its rank are expected."));
            }
        }

        var taken = ranks.Select(rank => rank.Id).ToHashSet();
        if (ranks.Where(rank => rank.Bytes.Length == 1).Select(rank => rank.Bytes[0]).Distinct().Count() != 256)
        {
            throw new BadInputException($"data.tokenizer: {file} must have a token for each of the 256 bytes.");
        }

        if (encoding.Added.FirstOrDefault(token => taken.Contains(token.Value)) is { Key: { } clash })
        {
            throw new BadInputException($"data.tokenizer: {file} gives the id of {clash} in {name} to another token.");
        }

        var table = ByteLevelTokenizer.Table(file, [.. ranks, .. encoding.Added.Select(token => (token.Value, Encoding.UTF8.GetBytes(token.Key)))]);
        var tokenizer = TiktokenTokenizer.Create(new MemoryStream(content), preTokenizer: null, normalizer: null);
        return new ByteLevelTokenizer(
            $"{name}.tiktoken {TokenizerFile.Hash(content)}",
            [encoding.Pattern],
            [new AddedTokens(encoding.Added)],
            word => tokenizer.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false),
            table,
            encoding.Added["<|endoftext|>"]);
    }

    private static (int Id, byte[] Bytes)? Rank(string line)
    {
        var bytes = new byte[line.Length];
        return line.TrimEnd('\r').Split(' ') is [var token, var rank] && Convert.TryFromBase64String(token, bytes, out var length) && length > 0
            && int.TryParse(rank, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id)
                ? (id, bytes[..length])
                : null;
    }
}
