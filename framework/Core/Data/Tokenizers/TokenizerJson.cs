using System.Text;
using System.Text.Json;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>Hugging Face's tokenizer.json, byte-level BPE as GPT-2, Llama 3 and others have it. What it does around the text (post_processor,
/// truncation, padding) is left out: a corpus is the text alone.</summary>
internal static class TokenizerJson
{
    public static TokenizerFile Read(string file)
    {
        var content = TokenizerFile.Content(file);
        using var json = JsonDocument.Parse(content);
        var root = json.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("model", out var model) || model.ValueKind != JsonValueKind.Object)
        {
            throw Unsupported(file, "has no section model", "a tokenizer.json has one");
        }

        CheckModel(file, model);
        if (Has(root, "normalizer", out var normalizer))
        {
            throw Unsupported(file, $"has the normalizer {TypeOf(normalizer)}", "allowed is none");
        }

        var vocabulary = Vocabulary(file, Section(file, model, "vocab", JsonValueKind.Object));
        var merges = Section(file, model, "merges", JsonValueKind.Array).EnumerateArray().Select(pair => Pair(file, pair)).ToArray();
        var added = Has(root, "added_tokens", out var tokens) ? Added(file, tokens) : [];
        var names = added.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        // A token may stand in both lists, with the same id.
        var table = ByteLevelTokenizer.Table(
            file,
            vocabulary.Where(token => !names.TryGetValue(token.Key, out var id) || id != token.Value).Select(token => (token.Value, ByteSymbols.Bytes(token.Key)))
                .Concat(names.Select(token => (token.Value, Encoding.UTF8.GetBytes(token.Key)))));
        var endOfText = ByteLevelTokenizer.EndsOfText.FirstOrDefault(names.ContainsKey);
        return new ByteLevelTokenizer(
            $"tokenizer.json {TokenizerFile.Hash(content)}",
            Patterns(file, root),
            [Tier(normalized: false), Tier(normalized: true)],
            BytePairs.Create(file, vocabulary, merges, Has(model, "ignore_merges", out var whole) && whole.ValueKind == JsonValueKind.True),
            table,
            endOfText is null ? null : names[endOfText]);

        AddedTokens Tier(bool normalized) => new(
            added.Where(token => token.Normalized == normalized).ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal));
    }

    public static Dictionary<string, int> Vocabulary(string file, JsonElement section)
    {
        if (section.ValueKind != JsonValueKind.Object)
        {
            throw Unsupported(file, "has a vocabulary that is no object", "allowed is an object with an id for each token");
        }

        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in section.EnumerateObject())
        {
            if (token.Value.ValueKind != JsonValueKind.Number || !token.Value.TryGetInt32(out var id) || !vocabulary.TryAdd(token.Name, id))
            {
                throw Unsupported(file, $"has the token {Shown(token.Name)} twice or without an id", "a vocabulary has a whole number for each token");
            }
        }

        return vocabulary;
    }

    /// <summary>A merge written as two tokens with a space between.</summary>
    public static (string Left, string Right) Pair(string file, string text) => text.Split(' ') is [{ Length: > 0 } left, { Length: > 0 } right]
        ? (left, right)
        : throw Unsupported(file, $"has the merge {Shown(text)}", "a merge is two tokens with a space between");

    private static (string Left, string Right) Pair(string file, JsonElement pair) => pair.ValueKind switch
    {
        JsonValueKind.String => Pair(file, pair.GetString()!),
        JsonValueKind.Array when pair.GetArrayLength() == 2 && pair.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String) =>
            (pair[0].GetString()!, pair[1].GetString()!),
        _ => throw Unsupported(file, $"has the merge {Shown(pair.GetRawText())}", "a merge is two tokens"),
    };

    private static void CheckModel(string file, JsonElement model)
    {
        if (TypeOf(model) is not ("BPE" or ""))
        {
            throw Unsupported(file, $"has a model of type {TypeOf(model)}", "allowed is BPE");
        }

        foreach (var key in (string[])["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"])
        {
            if (Has(model, key, out var value) && value.ValueKind != JsonValueKind.False
                && !(value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0)
                && !(value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0))
            {
                throw Unsupported(file, $"has model.{key} = {Shown(value.GetRawText())}", "allowed is none; SentencePiece's models are read from tokenizer.model");
            }
        }
    }

    private static IReadOnlyList<WordPattern> Patterns(string file, JsonElement root)
    {
        const string Needed = "allowed is ByteLevel, or a Sequence of Split and Digits that ends with ByteLevel";
        if (!Has(root, "pre_tokenizer", out var whole))
        {
            throw Unsupported(file, "has no pre_tokenizer", Needed);
        }

        var parts = TypeOf(whole) == "Sequence" ? [.. Section(file, whole, "pretokenizers", JsonValueKind.Array).EnumerateArray()] : (JsonElement[])[whole];
        if (parts.Length == 0 || TypeOf(parts[^1]) != "ByteLevel" || parts.Count(part => TypeOf(part) == "ByteLevel") != 1)
        {
            throw Unsupported(file, $"has the pre_tokenizer {string.Join(", ", parts.Select(TypeOf))}", Needed);
        }

        var patterns = new List<WordPattern>();
        foreach (var part in parts)
        {
            switch (TypeOf(part))
            {
                case "ByteLevel" when Is(part, "add_prefix_space", otherwise: true):
                    throw Unsupported(file, "has a pre_tokenizer ByteLevel with add_prefix_space = true", "allowed is false");
                case "ByteLevel":
                    patterns.AddRange(Is(part, "use_regex", otherwise: true) ? [WordPattern.Gpt2] : []);
                    break;
                case "Digits":
                    patterns.Add(Is(part, "individual_digits", otherwise: false) ? WordPattern.EachDigit : WordPattern.Digits);
                    break;
                case "Split":
                    patterns.Add(Split(file, part));
                    break;
                default:
                    throw Unsupported(file, $"has the pre_tokenizer {TypeOf(part)}", Needed);
            }
        }

        return patterns.Any(pattern => pattern != WordPattern.Digits && pattern != WordPattern.EachDigit) ? patterns : throw Unsupported(file, "has a pre_tokenizer ByteLevel that cuts no words (use_regex = false)", "allowed is true, or a Split before it");
    }

    private static WordPattern Split(string file, JsonElement part)
    {
        var isolated = Has(part, "behavior", out var behavior) && behavior.ValueKind == JsonValueKind.String && behavior.GetString() == "Isolated";
        if (!isolated || Is(part, "invert", otherwise: false))
        {
            throw Unsupported(file, "has a pre_tokenizer Split that does not isolate its matches", "allowed is behavior = Isolated with invert = false");
        }

        var text = Has(part, "pattern", out var pattern) && Has(pattern, "Regex", out var regex) && regex.ValueKind == JsonValueKind.String ? regex.GetString()! : "";
        return WordPattern.Known.GetValueOrDefault(text)
            ?? throw Unsupported(file, $"has a pre_tokenizer Split with the pattern {Shown(text)}", "allowed are those of GPT-2, Llama 3, Qwen 2 and GPT-4o");
    }

    private static List<(string Content, int Id, bool Normalized)> Added(string file, JsonElement tokens)
    {
        if (tokens.ValueKind != JsonValueKind.Array)
        {
            throw Unsupported(file, "has added_tokens that are no list", "allowed is a list");
        }

        var added = new List<(string Content, int Id, bool Normalized)>();
        var contents = new HashSet<string>(StringComparer.Ordinal);
        foreach (var token in tokens.EnumerateArray())
        {
            if (!Has(token, "content", out var content) || content.ValueKind != JsonValueKind.String || content.GetString() is not { Length: > 0 } text
                || !Has(token, "id", out var number) || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out var id)
                || !contents.Add(text))
            {
                throw Unsupported(file, $"has the added token {Shown(token.GetRawText())}", "each has a content of its own and an id");
            }

            if (Array.Find(["lstrip", "rstrip", "single_word"], key => Is(token, key, otherwise: false)) is { } option)
            {
                throw Unsupported(file, $"has the added token {Shown(text)} with {option} = true", "allowed is false");
            }

            if (WordPattern.Border(text) > 0)
            {
                throw Unsupported(file, $"has the added token {Shown(text)}", "allowed are those without white space behind a letter or digit");
            }

            added.Add((text, id, Is(token, "normalized", otherwise: false)));
        }

        return added;
    }

    private static bool Has(JsonElement section, string key, out JsonElement value)
    {
        value = default;
        return section.ValueKind == JsonValueKind.Object && section.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;
    }

    private static bool Is(JsonElement section, string key, bool otherwise) => Has(section, key, out var value) ? value.ValueKind == JsonValueKind.True : otherwise;

    private static string TypeOf(JsonElement section) => Has(section, "type", out var type) && type.ValueKind == JsonValueKind.String ? QuotedText.Shorten(type.GetString()!) : "";

    private static JsonElement Section(string file, JsonElement parent, string key, JsonValueKind kind) => Has(parent, key, out var value) && value.ValueKind == kind
        ? value
        : throw Unsupported(file, $"has no {key}", $"a tokenizer.json has it as {(kind == JsonValueKind.Array ? "a list" : "an object")}");

    private static string Shown(string text) => QuotedText.Of(QuotedText.Shorten(text));

    private static BadInputException Unsupported(string file, string what, string allowed) => new($"data.tokenizer: {file} {what}; {allowed}.");
}
