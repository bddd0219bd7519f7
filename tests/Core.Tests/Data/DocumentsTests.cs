using System.IO.Compression;
using CsCheck;
using Parquet;
using Parquet.Schema;
using Pipeline.Core.Data;
using Pipeline.Core.Data.Tokenizers;
using Pipeline.Core.Jobs;
using Pipeline.Core.Tests.Data.Tokenizers;

namespace Pipeline.Core.Tests.Data;

/// <summary>Corpora of documents, and where these begin.</summary>
public sealed class DocumentsTests : IDisposable
{
    private readonly DataFolder folder = new();

    public DocumentsTests() => folder.Write("tiny.json", TinyTokenizer.Json());

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("bytes", "104 105 108 108 108", "0 2")]
    [InlineData("chars", "0 1 2 2 2", "0 2")]
    [InlineData("tiny.json", "104 105 263 257 108 263", "0 3")]
    public void Json_lines_are_documents(string tokenizer, string tokens, string starts)
    {
        folder.Write("a.jsonl", "{\"text\": \"hi\", \"other\": {\"text\": 3}}\r\n\n{\"id\": [1], \"text\": \"l\\u006cl\"}\n{\"text\":\"\"}");
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(File.ReadAllBytes(Path.Combine(folder.Path, "a.jsonl")));
        }

        folder.Write("b.jsonl.gz", packed.ToArray());
        foreach (var file in (string[])["a.jsonl", "b.jsonl.gz"])
        {
            using var corpus = folder.Open(tokenizer, file);
            Assert.Equal(tokens, string.Join(' ', Tokens(corpus)));
            Assert.Equal(starts, string.Join(' ', Starts(corpus)));
        }
    }

    [Theory]
    [InlineData("bytes", "104 105 108 108 108", "0 2")]
    [InlineData("chars", "0 1 2 2 2", "0 2")]
    [InlineData("tiny.json", "104 105 263 257 108 263", "0 3")]
    public async Task Parquet_rows_are_documents(string tokenizer, string tokens, string starts)
    {
        await WriteParquetAsync("a.parquet", ["hi", null], ["lll", ""]);
        using var corpus = folder.Open(tokenizer, "a.parquet");
        Assert.Equal(tokens, string.Join(' ', Tokens(corpus)));
        Assert.Equal(starts, string.Join(' ', Starts(corpus)));
    }

    [Fact]
    public void Text_files_are_documents_and_formats_mix()
    {
        folder.Write("1.txt", "hello");
        folder.Write("2.jsonl", "{\"text\":\"h\"}\n{\"text\":\"e\"}\n");
        folder.Write("3.md", "hell\u00E9");
        using (var corpus = folder.Open("tiny.json", "*.txt", "*.jsonl", "*.md"))
        {
            Assert.Equal([259, 263, 104, 263, 101, 263, 258, 261, 263], Tokens(corpus));
            Assert.Equal([0, 2, 4, 6], Starts(corpus));
        }

        using (var bytes = folder.Open("bytes", "*.txt", "*.jsonl", "*.md"))
        {
            Assert.Equal([.. "hellohehell\u00E9"u8], Tokens(bytes).Select(token => (byte)token));
            Assert.Equal([0, 5, 6, 7], Starts(bytes));
        }

        using var chars = folder.Open("chars", "*.txt", "*.jsonl", "*.md");
        Assert.Equal("ehlo\u00E9", chars.Tokenizer.Characters);
        Assert.Equal([1, 0, 2, 2, 3, 1, 0, 1, 0, 2, 2, 4], Tokens(chars));
        Assert.Equal([0, 5, 6, 7], Starts(chars));
    }

    [Fact]
    public void Any_part_reads_as_in_the_whole()
    {
        folder.Write("a.jsonl", string.Concat(Enumerable.Range(0, 500).Select(i => $"{{\"text\":\"{new string('h', i % 7)}e\"}}\n")));
        foreach (var name in (string[])["tiny.json", "chars", "bytes"])
        {
            using var corpus = folder.Open(name, "a.jsonl");
            var (tokens, starts) = (Tokens(corpus), Starts(corpus).ToHashSet());
            Assert.Equal(500, starts.Count);
            Gen.Select(Gen.Int[0, tokens.Length], Gen.Int[0, tokens.Length]).Sample((one, other) =>
            {
                var (from, to) = (Math.Min(one, other), Math.Max(one, other));
                var (part, marks) = (new long[to - from], new bool[to - from]);
                corpus.Read(from, part);
                corpus.ReadStarts(from, marks);
                Assert.Equal(tokens[from..to], part);
                Assert.Equal(Enumerable.Range(from, to - from).Select(place => starts.Contains(place)), marks);
            });
        }
    }

    [Theory]
    [InlineData("{\"text\":\"a\"}\n[]\n", 2, "is no JSON object")]
    [InlineData("{\"text\":\"a\"}\n\n{\"txt\":\"a\"}", 3, "has no field text")]
    [InlineData("{\"text\":3}", 1, "has something else than text in the field text")]
    [InlineData("{\"text\":\"a\"", 1, "is no JSON: *")]
    [InlineData("{\"text\":\"a\"} x", 1, "is no JSON: *")]
    [InlineData("x", 1, "is no JSON: *")]
    [InlineData("{\"text\":\"\\ud800\"}", 1, "is no JSON: *")] // Half a character.
    public void A_line_that_is_no_document_is_named(string content, int line, string what)
    {
        var file = folder.Write("a.jsonl", content);
        var problem = Assert.Throws<BadInputException>(() => folder.Open("bytes", "a.jsonl")).Message;
        Assert.StartsWith($"{file}, line {line}: the line {what.TrimEnd('*')}", problem, StringComparison.Ordinal);
        Assert.EndsWith("; each line must be a JSON object with text in the field that data.text-field names, which is text.", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_text_may_have_another_name()
    {
        folder.Write("a.jsonl", "{\"content\":\"hi\"}");
        await WriteParquetAsync("b.parquet", ["hi"]);
        using var corpus = new Corpus(new TextDataSettings(["a.jsonl"], TextField: "content", Cache: ".cache"), folder.Path);
        Assert.Equal([104, 105], Tokens(corpus));
        Assert.Equal(
            $"{folder.Path}/b.parquet has no column content of text, which data.text-field names; its columns are id, text.",
            Assert.Throws<BadInputException>(() => new Corpus(new TextDataSettings(["b.parquet"], TextField: "content", Cache: ".cache"), folder.Path)).Message);
        Assert.StartsWith(
            $"{folder.Path}/b.parquet has no column id of text",
            Assert.Throws<BadInputException>(() => new Corpus(new TextDataSettings(["b.parquet"], TextField: "id", Cache: ".cache"), folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.parquet", "PAR1 and more that is not Parquet PAR1", "cannot be read as a Parquet file: ")]
    [InlineData("a.parquet", "x", "cannot be read as a Parquet file: ")]
    [InlineData("a.jsonl.gz", "not compressed", "cannot be decompressed: ")]
    [InlineData("a.tokens", "x", "is no token file: it does not begin with PIPETOKN and a header of 64 bytes.")]
    public void A_file_that_is_not_what_its_ending_says_is_refused(string name, string content, string what)
    {
        var file = folder.Write(name, content);
        Assert.StartsWith($"{file} {what}", Assert.Throws<BadInputException>(() => folder.Open("bytes", name)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1L << 40)]
    [InlineData((1L << 20) + 1)]
    [InlineData(-1L)]
    public async Task A_row_group_of_more_rows_than_a_file_can_have_is_refused(long claimed)
    {
        const int Rows = 12345;
        await WriteParquetAsync("a.parquet", Enumerable.Repeat("x", Rows).ToArray());
        var file = Path.Combine(folder.Path, "a.parquet");
        var bytes = File.ReadAllBytes(file);
        // The footer, its length and the magic end the file; a number in it is a zigzag varint.
        var length = BitConverter.ToInt32(bytes, bytes.Length - 8);
        var footer = Convert.ToHexString(bytes, bytes.Length - 8 - length, length);
        Assert.Contains(Number(Rows), footer, StringComparison.Ordinal);
        var changed = Convert.FromHexString(footer.Replace(Number(Rows), Number(claimed), StringComparison.Ordinal));
        folder.Write("a.parquet", [.. bytes[..^(8 + length)], .. changed, .. BitConverter.GetBytes(changed.Length), .. "PAR1"u8]);
        Assert.Equal(
            $"{file} has a row group of {claimed} rows by its own account; a file of {new FileInfo(file).Length} bytes may have {1 << 20}.",
            Assert.Throws<BadInputException>(() => folder.Open("bytes", "a.parquet")).Message);

        static string Number(long value)
        {
            var bytes = new List<byte>();
            var rest = (ulong)((value << 1) ^ (value >> 63));
            for (; rest >= 128; rest >>= 7)
            {
                bytes.Add((byte)(rest | 128));
            }

            return Convert.ToHexString([.. bytes, (byte)rest]);
        }
    }

    [Fact]
    public void Text_that_is_not_utf8_is_refused_with_its_place()
    {
        foreach (var before in (int[])[0, 5, (1 << 18) - 1, 1 << 18, 1 << 20])
        {
            var file = folder.Write("a.txt", [.. Enumerable.Repeat((byte)'-', before), 0xC3, (byte)'a']);
            Assert.Equal(
                $"{file} is not UTF-8 text (byte {before}), which a tokenizer file needs; use data.tokenizer = bytes for any file.",
                Assert.Throws<BadInputException>(() => folder.Open("tiny.json", "a.txt")).Message);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(TinyTokenizer.Llama3)]
    public void A_long_text_has_the_ids_of_encoding_it_whole(string? pattern)
    {
        var tokenizer = folder.Write("t.json", pattern is null ? TinyTokenizer.Json() : TinyTokenizer.WithPattern(pattern));
        var text = MixedText.Long(600_000);
        Assert.True(text.Length > 4 << 18); // Several pieces.
        folder.Write("a.txt", text);
        using var corpus = folder.Open("t.json", "a.txt");
        Assert.Equal([.. TokenizerFile.Open(tokenizer).Encode(text), TinyTokenizer.EndOfText], Tokens(corpus));
    }

    [Fact]
    public void Text_that_cannot_be_cut_and_lines_without_an_end_are_refused_before_they_fill_the_memory()
    {
        folder.WriteSparse("a.txt", 1L << 28, "x"u8);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("without white space behind a letter or digit, where text can be cut; allowed are 16777216.", Problem("a.txt"), StringComparison.Ordinal);
        folder.WriteSparse("b.jsonl", 1L << 28, "x"u8);
        Assert.Equal($"{folder.Path}/b.jsonl, line 1: the line has more than 67108864 bytes, which is the most that is allowed.", Problem("b.jsonl"));
        // All buffers together, those given up for larger ones too; the text alone would be a gigabyte.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 800L << 20);

        string Problem(string file) => Assert.Throws<BadInputException>(() => folder.Open("tiny.json", file)).Message;
    }

    [Fact]
    public void A_word_without_an_end_is_refused_before_it_takes_for_ever()
    {
        var file = folder.Write("a.txt", "a " + new string('h', 200_000));
        Assert.Equal(
            $"{file}: a word has 200001 characters, beginning with \" hhhhhhhhhhhhhhhhhhh\"; a tokenizer file takes at most 131072.",
            Assert.Throws<BadInputException>(() => folder.Open("tiny.json", "a.txt")).Message);
    }

    private async Task WriteParquetAsync(string name, params string?[][] groups)
    {
        var (id, text) = (new DataField<int>("id"), new DataField<string>("text"));
        using var stream = File.Create(Path.Combine(folder.Path, name));
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(id, text), stream);
        foreach (var rows in groups)
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<int>(id, Enumerable.Range(0, rows.Length).ToArray());
            await group.WriteAsync(text, rows!);
        }
    }

    private static long[] Tokens(Corpus corpus)
    {
        var tokens = new long[corpus.Count];
        corpus.Read(0, tokens);
        return tokens;
    }

    private static IEnumerable<int> Starts(Corpus corpus)
    {
        var starts = new bool[corpus.Count];
        corpus.ReadStarts(0, starts);
        return Enumerable.Range(0, starts.Length).Where(place => starts[place]);
    }
}
