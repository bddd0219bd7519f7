using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Tests.Data.Tokenizers;

namespace Pipeline.Core.Tests.Data;

/// <summary>Token files: those that a cache keeps, and those that a user has made.</summary>
public sealed class TokenFileTests : IDisposable
{
    private readonly DataFolder folder = new();

    public TokenFileTests()
    {
        folder.Write("tiny.json", TinyTokenizer.Json());
        folder.Write("a.txt", "hello world");
    }

    public void Dispose() => folder.Dispose();

    private string[] Kept => Directory.GetFiles(Path.Combine(folder.Path, ".cache"));

    [Fact]
    public void A_file_is_encoded_once_for_a_content_and_a_tokenizer()
    {
        Open().Dispose();
        var kept = Assert.Single(Kept);
        var made = File.GetLastWriteTimeUtc(kept);
        File.Copy(Path.Combine(folder.Path, "a.txt"), Path.Combine(folder.Path, "b.txt"));
        folder.Open("tiny.json", "*.txt").Dispose();
        Assert.Equal([kept], Kept);
        Assert.Equal(made, File.GetLastWriteTimeUtc(kept));
        folder.Write("b.txt", "hello wor");
        folder.Open("tiny.json", "*.txt").Dispose();
        Assert.Equal(2, Kept.Length);
        folder.Write("tiny.json", TinyTokenizer.Json(json => json["added_tokens"]![0]!["id"] = 300));
        folder.Open("tiny.json", "*.txt").Dispose();
        Assert.Equal(4, Kept.Length);
    }

    [Theory]
    [InlineData(0)] // The magic.
    [InlineData(8)] // The version.
    [InlineData(12)] // The size of a token.
    [InlineData(16)] // Their number.
    [InlineData(24)] // The documents.
    [InlineData(32)] // The checksum.
    [InlineData(40)] // The vocabulary.
    [InlineData(50)] // The tokenizer.
    [InlineData(64)] // A token.
    [InlineData(80)] // The index.
    [InlineData(-1)] // Cut short.
    [InlineData(-100)]
    public void A_damaged_file_of_the_cache_is_made_again(int place)
    {
        long[] tokens;
        using (var corpus = Open())
        {
            tokens = Tokens(corpus);
        }

        var kept = Assert.Single(Kept);
        var whole = File.ReadAllBytes(kept);
        File.WriteAllBytes(kept, place < 0 ? whole[..^Math.Min(-place, whole.Length)] : [.. whole.Select((value, i) => i == place ? (byte)(value ^ 2) : value)]);
        using var again = Open();
        Assert.Equal(tokens, Tokens(again));
        Assert.Equal(whole, File.ReadAllBytes(Assert.Single(Kept)));
    }

    [Theory]
    [InlineData(68, 'z')] // A character that is nowhere.
    [InlineData(70, 0xFF)] // A code point far above all.
    [InlineData(43, 0x7F)] // A vocabulary that would allow it.
    [InlineData(68, 'z', true)]
    [InlineData(43, 0x7F, true)]
    public void A_damaged_file_of_the_cache_leaves_the_characters_alone(int place, int value, bool unsummed = false)
    {
        folder.Write("a.jsonl", "{\"text\":\"hello\"}\n");
        folder.Open("chars", "a.jsonl").Dispose();
        var kept = Assert.Single(Kept);
        var bytes = File.ReadAllBytes(kept);
        bytes[place] = (byte)value;
        if (place == 43)
        {
            bytes[70] = 0x7F;
        }

        if (unsummed)
        {
            bytes.AsSpan(32, sizeof(ulong)).Clear();
        }

        File.WriteAllBytes(kept, bytes);
        using var corpus = folder.Open("chars", "a.jsonl");
        Assert.Equal("ehlo", corpus.Tokenizer.Characters);
        Assert.Equal([1, 0, 2, 2, 3], Tokens(corpus));
    }

    [Fact]
    public void What_killed_processes_left_in_the_cache_is_removed_after_a_day()
    {
        string[] own = ["ab.tokens.0123.tmp", "ab.tokens.0123.tmp-index"];
        foreach (var name in (string[])[.. own, "mine.tmp"])
        {
            File.SetLastWriteTimeUtc(folder.Write($".cache/{name}", "x"), DateTime.UtcNow.AddHours(-25));
        }

        File.SetLastWriteTimeUtc(folder.Write(".cache/cd.tokens.4567.tmp", "x"), DateTime.UtcNow.AddHours(-23));
        Open().Dispose();
        var names = Kept.Select(Path.GetFileName).ToArray();
        Assert.Equal(3, names.Length);
        Assert.Contains("mine.tmp", names);
        Assert.Contains("cd.tokens.4567.tmp", names);
    }

    [Fact]
    public void Several_at_once_make_the_same_tokens_and_leave_nothing_else()
    {
        folder.Write("a.txt", MixedText.Long(20_000));
        var all = new long[8][];
        Parallel.For(0, all.Length, new ParallelOptions { MaxDegreeOfParallelism = all.Length }, i =>
        {
            using var corpus = Open();
            all[i] = Tokens(corpus);
        });
        Assert.All(all, tokens => Assert.Equal(all[0], tokens));
        Assert.Single(Kept);
    }

    [Fact]
    public void A_failure_leaves_nothing_in_the_cache()
    {
        folder.Write("a.txt", [0xff]);
        Assert.Throws<BadInputException>(Open);
        Assert.Empty(Kept);
    }

    [Fact]
    public void A_cache_that_cannot_be_written_is_refused()
    {
        folder.Write("file", "x");
        var refusal = Assert.Throws<BadInputException>(() => new Corpus(new TextDataSettings(["a.txt"], "tiny.json", Cache: "file"), folder.Path));
        Assert.StartsWith($"data.cache: the tokens of {folder.Path}/a.txt cannot be kept in {folder.Path}/file: ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_file_of_several_files_reads_as_these()
    {
        folder.Write("b.jsonl", "{\"text\":\"lll\"}\n{\"text\":\"he\"}\n");
        var made = TokenFileMaking.Make(new TextDataSettings(["a.txt", "*.jsonl"], "tiny.json"), folder.Path, "all.tokens");
        Assert.Equal((2, 3, 12, 2, 264, 263), (made.Files, made.Documents, made.Tokens, made.TokenBytes, made.Vocabulary, made.EndOfText));
        using var direct = folder.Open("tiny.json", "a.txt", "*.jsonl");
        using var corpus = folder.Open("tiny.json", "all.tokens");
        Assert.Equal(Tokens(direct), Tokens(corpus));
        var (one, other) = (new bool[12], new bool[12]);
        direct.ReadStarts(0, one);
        corpus.ReadStarts(0, other);
        Assert.Equal(one, other);
    }

    [Theory]
    [InlineData("tiny.json", "all.txt", "all.txt must end with .tokens, by which a token file is known.")]
    [InlineData("bytes", "all.tokens", "the tokenizer bytes needs no token file; a tokenizer file is allowed.")]
    public void A_token_file_that_cannot_be_made_is_refused(string tokenizer, string output, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => TokenFileMaking.Make(new TextDataSettings(["a.txt"], tokenizer), folder.Path, output)).Message);

    [Fact]
    public void A_token_file_of_another_tokenizer_is_refused()
    {
        TokenFileMaking.Make(new TextDataSettings(["a.txt"], "tiny.json"), folder.Path, "all.tokens");
        folder.Write("other.json", TinyTokenizer.Json(json => json["added_tokens"]![0]!["content"] = "</s>"));
        var file = Path.Combine(folder.Path, "all.tokens");
        Assert.Equal($"{file} was made with another tokenizer than data.tokenizer is.", Problem("other.json"));
        Assert.Equal($"{file} was made with another tokenizer than data.tokenizer is.", Problem("bytes"));
        Assert.Equal($"{file} has tokens, and the tokenizer chars makes its table of characters; data.tokenizer must be what the file was made with.", Problem("chars"));

        string Problem(string tokenizer) => Assert.Throws<BadInputException>(() => folder.Open(tokenizer, "all.tokens")).Message;
    }

    // As someone else's program would write it from the documentation.
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void The_documented_layout_is_read(int size)
    {
        folder.Write("own.tokens", Layout(size, [7, 255, 9], [0, 2], 256));
        using var corpus = folder.Open("bytes", "own.tokens");
        Assert.Equal([7, 255, 9], Tokens(corpus));
        var starts = new bool[3];
        corpus.ReadStarts(0, starts);
        Assert.Equal([true, false, true], starts);
    }

    [Theory]
    [InlineData(new[] { 7, 256 }, new[] { 0L }, 256, "has the token 256; by its header all are below 256.")]
    [InlineData(new[] { 7, 256 }, new[] { 0L }, 257, "has a vocabulary of 257 tokens; data.tokenizer has 256.")]
    [InlineData(new[] { 7, 8 }, new[] { 1L, 1L }, 256, "is damaged: its documents do not ascend.")]
    [InlineData(new[] { 7, 8 }, new[] { 0L, 3L }, 256, "is damaged: its documents do not ascend.")]
    public void A_wrong_token_file_is_refused(int[] tokens, long[] starts, int vocabulary, string what)
    {
        var file = folder.Write("own.tokens", Layout(2, tokens, starts, vocabulary));
        Assert.Equal($"{file} {what}", Assert.Throws<BadInputException>(() => folder.Open("bytes", "own.tokens")).Message);
    }

    private static byte[] Layout(int size, int[] tokens, long[] starts, int vocabulary)
    {
        byte[] body = [.. tokens.SelectMany(token => BitConverter.GetBytes(token)[..size])];
        body = [.. body, .. new byte[-body.Length & 7], .. starts.SelectMany(BitConverter.GetBytes)];
        var header = new byte[64];
        Encoding.ASCII.GetBytes("PIPETOKN").CopyTo(header, 0);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), size);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), tokens.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), starts.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(40), vocabulary);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(32), XxHash3.HashToUInt64([.. body, .. header]));
        return [.. header, .. body];
    }

    private Corpus Open() => folder.Open("tiny.json", "a.txt");

    private static long[] Tokens(Corpus corpus)
    {
        var tokens = new long[corpus.Count];
        corpus.Read(0, tokens);
        return tokens;
    }
}
