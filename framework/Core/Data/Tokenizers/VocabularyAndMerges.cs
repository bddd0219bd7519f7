using System.Text;
using System.Text.Json;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>vocab.json with merges.txt, as GPT-2 was published: its pattern, and its token between documents where the vocabulary has it.</summary>
internal static class VocabularyAndMerges
{
    public static TokenizerFile Read(string folder)
    {
        var (vocabularyFile, mergesFile) = (Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"));
        foreach (var file in (string[])[vocabularyFile, mergesFile])
        {
            if (!File.Exists(file))
            {
                throw new BadInputException($"data.tokenizer: there is no file {file}; vocab.json and merges.txt belong together.");
            }
        }

        var (vocabularyBytes, mergesBytes) = (TokenizerFile.Content(vocabularyFile), TokenizerFile.Content(mergesFile));
        using var json = JsonDocument.Parse(vocabularyBytes);
        var vocabulary = TokenizerJson.Vocabulary(vocabularyFile, json.RootElement);
        var merges = Encoding.UTF8.GetString(mergesBytes).Split('\n')
            .Select(line => line.TrimEnd('\r'))
            .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            .Select(line => TokenizerJson.Pair(mergesFile, line))
            .ToArray();
        var ends = ByteLevelTokenizer.EndsOfText.Where(vocabulary.ContainsKey).Take(1).ToDictionary(token => token, token => vocabulary[token], StringComparer.Ordinal);
        return new ByteLevelTokenizer(
            $"vocab.json+merges.txt {TokenizerFile.Hash(vocabularyBytes, mergesBytes)}",
            [WordPattern.Gpt2],
            [new AddedTokens(ends)],
            BytePairs.Create(mergesFile, vocabulary, merges, whole: false),
            ByteLevelTokenizer.Table(vocabularyFile, vocabulary.Select(token => (token.Value, ByteSymbols.Bytes(token.Key)))),
            ends.Values.Select(id => (int?)id).FirstOrDefault());
    }
}
