using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Pipeline.Core.Data.Tokenizers;

namespace Pipeline.Core.Tests.Data.Tokenizers;

public sealed class SentencePieceTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Ids_are_those_of_a_hand_made_model()
    {
        var tokenizer = Open();
        // 0 to 2 are unknown, beginning and end; 3 to 258 the bytes; then space, a, b, ab, space with ab.
        Assert.Equal([263], tokenizer.Encode("ab")); // A space is put before a text.
        Assert.Equal([263, 263], tokenizer.Encode("ab ab"));
        Assert.Equal([259, 260, 260], tokenizer.Encode("aa"));
        Assert.Equal([263, 13, 262], tokenizer.Encode("ab\nab"));
        Assert.Equal([259, 3 + 0xC3, 3 + 0xA9], tokenizer.Encode("\u00E9"));
        Assert.Equal((264, 2), (tokenizer.Vocabulary, tokenizer.EndOfText));
        Assert.StartsWith("tokenizer.model sha256:", tokenizer.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_comes_back_and_its_pieces_have_the_ids_of_the_whole()
    {
        var tokenizer = Open();
        MixedText.Of(40, "a", "b", "ab", " ", "\n", "1", "\u00E9", "\t", ".").Sample(text =>
        {
            var whole = tokenizer.Encode(text);
            Assert.Equal(text, tokenizer.Decode(whole));
            for (var end = tokenizer.Border(text); end > 0; end = tokenizer.Border(text.AsSpan(0, end)))
            {
                var ids = new List<int>();
                tokenizer.Encode(text[..end], first: true, ids);
                tokenizer.Encode(text[end..], first: false, ids);
                Assert.Equal(whole, ids.Select(id => (long)id));
            }
        });
    }

    [Fact]
    public void A_folder_gives_the_first_file_that_is_not_refused()
    {
        folder.Write("tokenizer.model", Model());
        folder.Write("tokenizer.json", TinyTokenizer.Json());
        Assert.StartsWith("tokenizer.json ", TokenizerFile.Open(folder.Path).Name, StringComparison.Ordinal);
        var json = folder.Write("tokenizer.json", TinyTokenizer.Json(json => json["normalizer"] = new JsonObject { ["type"] = "Prepend" }));
        Assert.StartsWith("tokenizer.model ", TokenizerFile.Open(folder.Path).Name, StringComparison.Ordinal);
        // GPT-2's two files would be read without the normalizer.
        folder.Write("vocab.json", JsonSerializer.Serialize(TinyTokenizer.Vocabulary()));
        folder.Write("merges.txt", TinyTokenizer.MergesText());
        folder.Write("tokenizer.model", "nonsense");
        Assert.Equal(
            $"data.tokenizer: {json} has the normalizer Prepend; allowed is none.",
            Assert.Throws<BadInputException>(() => TokenizerFile.Open(folder.Path)).Message);
        File.Delete(json);
        Assert.StartsWith("vocab.json+merges.txt ", TokenizerFile.Open(folder.Path).Name, StringComparison.Ordinal);
        File.Delete(Path.Combine(folder.Path, "merges.txt"));
        folder.Write("tokenizer.model", Model());
        Assert.StartsWith("tokenizer.model ", TokenizerFile.Open(folder.Path).Name, StringComparison.Ordinal);
    }

    private TokenizerFile Open() => TokenizerFile.Open(folder.Write("tokenizer.model", Model()));

    /// <summary>sentencepiece_model.proto: pieces (1), each with text (1), score (2) and type (3: 1 normal, 2 unknown, 3 control, 6 byte); trainer (2)
    /// with model_type (3: 2 BPE) and byte_fallback (35); normalizer (3) with name (1), add_dummy_prefix (3), remove_extra_whitespaces (4) and
    /// escape_whitespaces (5).</summary>
    private static byte[] Model()
    {
        List<byte> model = [];
        Piece("<unk>", 0, 2);
        Piece("<s>", 0, 3);
        Piece("</s>", 0, 3);
        for (var value = 0; value < 256; value++)
        {
            Piece($"<0x{value:X2}>", 0, 6);
        }

        foreach (var (text, score) in ((string, float)[])[("\u2581", -10), ("a", -11), ("b", -12), ("ab", -1), ("\u2581ab", -2)])
        {
            Piece(text, score, 1);
        }

        Message(model, 2, [(3 << 3), 2, 0x98, 0x02, 1]);
        Message(model, 3, [(1 << 3) | 2, 8, .. "identity"u8, 3 << 3, 1, 4 << 3, 0, 5 << 3, 1]);
        return [.. model];

        void Piece(string text, float score, byte type)
        {
            List<byte> piece = [];
            Message(piece, 1, Encoding.UTF8.GetBytes(text));
            Message(model, 1, [.. piece, (2 << 3) | 5, .. BitConverter.GetBytes(score), 3 << 3, type]);
        }

        static void Message(List<byte> into, int field, byte[] content) => into.AddRange([(byte)((field << 3) | 2), (byte)content.Length, .. content]);
    }
}
