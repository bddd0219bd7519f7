using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Pipeline.Core.Data.Tokenizers;

namespace Pipeline.Core.Tests.Data.Tokenizers;

public sealed class TokenizerFileTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    // By hand from the merges: h e, l l, he ll, hell o, space w, the two bytes of an e with an accent, two line ends.
    [Theory]
    [InlineData("", "")]
    [InlineData("hello", "259")]
    [InlineData("hello world", "259 260 111 114 108 100")]
    [InlineData("hello hello", "259 32 259")] // The second word is a space with hello, and no merge joins these.
    [InlineData("lll", "257 108")] // The leftmost pair first.
    [InlineData("llll", "257 257")]
    [InlineData("hhello", "104 259")]
    [InlineData("hel", "256 108")]
    [InlineData("hell's", "258 39 115")] // The word ends before the apostrophe.
    [InlineData("h\u00E9llo", "104 261 257 111")]
    [InlineData("\uD83D\uDE00", "240 159 152 128")]
    [InlineData("a\n\nb", "97 10 10 98")] // The last white space before a word is a word of its own.
    [InlineData("a\n\n\nb", "97 262 10 98")]
    [InlineData("a\n\n", "97 262")]
    [InlineData("l l", "108 32 108")]
    [InlineData("hello<|endoftext|>hello", "259 263 259")]
    [InlineData("hell<|endoftext|>o", "258 263 111")]
    [InlineData("<|endoftext|", "60 124 101 110 100 111 102 116 101 120 116 124")]
    public void Ids_are_those_of_hand_made_merges(string text, string ids)
    {
        folder.Write("tokenizer.json", TinyTokenizer.Json());
        folder.Write("parts/vocab.json", Vocabulary(json => json["<|endoftext|>"] = TinyTokenizer.EndOfText));
        folder.Write("parts/merges.txt", TinyTokenizer.MergesText());
        foreach (var path in (string[])["tokenizer.json", ".", "parts", "parts/vocab.json", "parts/merges.txt"])
        {
            var tokenizer = Open(path);
            Assert.Equal(ids, string.Join(' ', tokenizer.Encode(text)));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
            Assert.Equal((264, 263), (tokenizer.Vocabulary, tokenizer.EndOfText));
        }

        folder.Write("r50k_base.tiktoken", TinyTokenizer.Tiktoken());
        var ranks = Open("r50k_base.tiktoken");
        Assert.Equal(ids.Replace("263", "50256", StringComparison.Ordinal), string.Join(' ', ranks.Encode(text)));
        Assert.Equal((50257, 50256), (ranks.Vocabulary, ranks.EndOfText));
    }

    [Fact]
    public void A_word_has_the_ids_of_merging_it_slowly()
    {
        var tokenizer = Tiny();
        MixedText.Of(40, "h", "e", "l", "o", "w", "\u00E9", "\u00C3")
            .Sample(word => Assert.Equal(TinyTokenizer.Slowly(word), tokenizer.Encode(word)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(TinyTokenizer.Llama3)]
    public void Text_comes_back_and_ids_do_not_depend_on_where_it_is_cut(string? pattern)
    {
        var tokenizer = Tiny(pattern);
        MixedText.Any.Sample(text =>
        {
            var whole = tokenizer.Encode(text);
            Assert.Equal(text, tokenizer.Decode(whole));
            for (var end = tokenizer.Border(text); end > 0; end = tokenizer.Border(text.AsSpan(0, end)))
            {
                Assert.Equal(whole, [.. tokenizer.Encode(text[..end]), .. tokenizer.Encode(text[end..])]);
            }
        });
    }

    [Fact]
    public void Digits_that_are_cut_off_first_keep_the_border()
    {
        var tokenizer = TokenizerFile.Open(folder.Write("digits.json", TinyTokenizer.Json(json => json["pre_tokenizer"] = JsonNode.Parse(
            """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}"""))));
        MixedText.Any.Sample(text =>
        {
            for (var end = tokenizer.Border(text); end > 0; end = tokenizer.Border(text.AsSpan(0, end)))
            {
                Assert.Equal(tokenizer.Encode(text), [.. tokenizer.Encode(text[..end]), .. tokenizer.Encode(text[end..])]);
            }
        });
    }

    [Fact]
    public void A_cut_character_is_shown_as_such()
    {
        var tokenizer = Tiny();
        Assert.Equal("a\uFFFD", tokenizer.Decode([97, 0xC3]));
        Assert.Equal("\u00E9", tokenizer.Decode([0xC3, 0xA9]));
        Assert.Equal("\uFFFD\uFFFD", tokenizer.Decode([-1, 1000]));
    }

    [Fact]
    public void A_word_that_is_a_token_needs_no_merges_where_the_file_says_so()
    {
        // No merge gives "wo".
        var json = TinyTokenizer.Json(json => json["model"]!["vocab"]!["wo"] = 264);
        folder.Write("plain.json", json);
        folder.Write("whole.json", TinyTokenizer.Json(json =>
        {
            json["model"]!["vocab"]!["wo"] = 264;
            json["model"]!["ignore_merges"] = true;
        }));
        Assert.Equal([119, 111], Open("plain.json").Encode("wo"));
        Assert.Equal([264], Open("whole.json").Encode("wo"));
        Assert.Equal([119, 111, 104], Open("whole.json").Encode("woh"));
    }

    [Fact]
    public void A_file_is_known_by_its_content()
    {
        folder.Write("a/tokenizer.json", TinyTokenizer.Json());
        folder.Write("b/other.json", TinyTokenizer.Json());
        folder.Write("c.json", TinyTokenizer.Json(json => json["added_tokens"]![0]!["id"] = 264));
        Assert.Equal(Open("a").Name, Open("b/other.json").Name);
        Assert.NotEqual(Open("a").Name, Open("c.json").Name);
        Assert.Matches("^tokenizer.json sha256:[0-9a-f]{64}$", Open("a").Name);
        Assert.Equal(265, Open("c.json").Vocabulary);
    }

    public static TheoryData<string, Action<JsonNode>, string> Unsupported => new()
    {
        { "model", json => json["model"]!["type"] = "Unigram", "has a model of type Unigram; allowed is BPE." },
        { "normalizer", json => json["normalizer"] = new JsonObject { ["type"] = "NFC" }, "has the normalizer NFC; allowed is none." },
        { "dropout", json => json["model"]!["dropout"] = 0.1, "has model.dropout = \"0.1\"; allowed is none; SentencePiece's models are read from tokenizer.model." },
        { "fallback", json => json["model"]!["byte_fallback"] = true, "has model.byte_fallback = \"true\"; allowed is none; SentencePiece's models are read from tokenizer.model." },
        { "words", json => json["pre_tokenizer"] = null, "has no pre_tokenizer; allowed is ByteLevel, or a Sequence of Split and Digits that ends with ByteLevel." },
        { "metaspace", json => json["pre_tokenizer"]!["type"] = "Metaspace", "has the pre_tokenizer Metaspace; allowed is ByteLevel, or a Sequence of Split and Digits that ends with ByteLevel." },
        { "prefix", json => json["pre_tokenizer"]!["add_prefix_space"] = true, "has a pre_tokenizer ByteLevel with add_prefix_space = true; allowed is false." },
        { "strip", json => json["added_tokens"]![0]!["lstrip"] = true, "has the added token \"<|endoftext|>\" with lstrip = true; allowed is false." },
        { "added", json => json["added_tokens"]![0]!["content"] = "a b", "has the added token \"a b\"; allowed are those without white space behind a letter or digit." },
        { "merge", json => json["model"]!["merges"]![0] = "x y", "merges x and y, and xy is no token of its vocabulary." },
        { "byte", json => json["model"]!["vocab"]!.AsObject().Remove("a"), "has no token for the byte 97; a byte-level tokenizer has one for each." },
        { "twice", json => json["model"]!["vocab"]!["he"] = 3, "gives the id 3 to two tokens." },
        { "negative", json => json["model"]!["vocab"]!["he"] = -3, "must have tokens with ids from 0 to 16777215." },
        { "empty", json => json["model"] = null, "has no section model; a tokenizer.json has one." },
    };

    [Theory]
    [MemberData(nameof(Unsupported), DisableDiscoveryEnumeration = true)]
    public void What_cannot_be_done_exactly_is_refused(string name, Action<JsonNode> change, string sentence)
    {
        var file = folder.Write($"{name}.json", TinyTokenizer.Json(change));
        Assert.Equal($"data.tokenizer: {file} {sentence}", Problem(file));
    }

    [Fact]
    public void A_pattern_that_is_not_known_is_refused() =>
        Assert.EndsWith(
            "has a pre_tokenizer Split with the pattern \"(a+)+$\"; allowed are those of GPT-2, Llama 3, Qwen 2 and GPT-4o.",
            Problem(folder.Write("t.json", TinyTokenizer.WithPattern("(a+)+$"))),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("none.json", null, "data.tokenizer: there is no file FOLDER/none.json; allowed are *")]
    [InlineData("a.txt", "x", "data.tokenizer: FOLDER/a.txt is no tokenizer file by its name; allowed are *")]
    [InlineData("a.json", "{", "data.tokenizer: FOLDER/a.json cannot be read as a tokenizer: *")]
    [InlineData("a.json", "[]", "data.tokenizer: FOLDER/a.json has no section model; a tokenizer.json has one.")]
    [InlineData("vocab.json", "{}", "data.tokenizer: there is no file FOLDER/merges.txt; vocab.json and merges.txt belong together.")]
    [InlineData("my.tiktoken", "", "data.tokenizer: FOLDER/my.tiktoken must be called after its encoding, which its pattern comes from: gpt2.tiktoken, *")]
    [InlineData("gpt2.tiktoken", "YQ== 0\nx", "data.tokenizer: FOLDER/gpt2.tiktoken, line 2: a token in base64, a space and its rank are expected.")]
    [InlineData("gpt2.tiktoken", "YQ== 0\n", "data.tokenizer: FOLDER/gpt2.tiktoken must have a token for each of the 256 bytes.")]
    [InlineData("tokenizer.model", "nonsense", "data.tokenizer: FOLDER/tokenizer.model is no SentencePiece model that can be read: *")]
    public void A_file_that_is_no_tokenizer_is_refused(string name, string? content, string sentence)
    {
        var file = Path.Combine(folder.Path, name);
        if (content is not null)
        {
            folder.Write(name, content);
        }

        var expected = sentence.Replace("FOLDER", folder.Path, StringComparison.Ordinal);
        Assert.StartsWith(expected.TrimEnd('*'), Problem(file), StringComparison.Ordinal);
    }

    // A lone half of a pair, written as an escape, and a byte that UTF-8 never has: in a name, in a text, in a key that is looked up.
    [Theory]
    [InlineData("\"he\":")]
    [InlineData("\"h e\"")]
    [InlineData("\"<|endoftext|>\"")]
    [InlineData("\"BPE\"")]
    [InlineData("\"ByteLevel\"")]
    [InlineData("\"model\"")]
    public void Text_that_is_none_is_refused(string place)
    {
        var text = TinyTokenizer.Json().Replace("\\u003C", "<", StringComparison.Ordinal).Replace("\\u003E", ">", StringComparison.Ordinal);
        Assert.Contains(place, text, StringComparison.Ordinal);
        foreach (var strange in (byte[][])[[.. "\\ud800"u8], [0xFF]])
        {
            var cut = text.IndexOf(place, StringComparison.Ordinal) + 1;
            byte[] content = [.. Encoding.UTF8.GetBytes(text[..cut]), .. strange, .. Encoding.UTF8.GetBytes(text[cut..])];
            var file = folder.Write("t.json", content);
            Assert.StartsWith($"data.tokenizer: {file} ", Problem(file), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{\"\\udc00\": 1}")]
    [InlineData("{\"a\\ud800b\": 1}")]
    public void A_vocabulary_of_half_characters_is_refused(string content)
    {
        folder.Write("merges.txt", "");
        var file = folder.Write("vocab.json", content);
        Assert.StartsWith($"data.tokenizer: {file} cannot be read as a tokenizer: ", Problem(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Many_added_tokens_are_read_at_once()
    {
        // Comparing each with all others would take minutes.
        const int Count = 200_000;
        var file = folder.Write("many.json", TinyTokenizer.Json(json => json["added_tokens"] =
            new JsonArray([.. Enumerable.Range(0, Count).Select(i => new JsonObject { ["id"] = 263 + i, ["content"] = $"<{i}>" })])));
        Assert.Equal(263 + Count, TokenizerFile.Open(file).Vocabulary);
        Assert.Contains("has the added token ", Problem(folder.Write("twice.json", TinyTokenizer.Json(json =>
            json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 300, ["content"] = "<|endoftext|>" })))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_too_large_is_not_read() =>
        Assert.EndsWith("a tokenizer file has at most 268435456.", Problem(folder.WriteSparse("t.json", 1L << 32, "}"u8)), StringComparison.Ordinal);

    private static string Vocabulary(Action<JsonNode> change)
    {
        var json = JsonNode.Parse(TinyTokenizer.Json())!["model"]!["vocab"]!;
        change(json);
        return json.ToJsonString();
    }

    private static string Problem(string path) => Assert.Throws<BadInputException>(() => TokenizerFile.Open(path)).Message;

    private TokenizerFile Tiny(string? pattern = null) =>
        TokenizerFile.Open(folder.Write("tiny.json", pattern is null ? TinyTokenizer.Json() : TinyTokenizer.WithPattern(pattern)));

    private TokenizerFile Open(string path) => TokenizerFile.Open(Path.Combine(folder.Path, path));
}
