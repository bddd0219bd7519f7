using System.Text;
using CsCheck;
using Pipeline.Core.Data;

namespace Pipeline.Core.Tests.Data;

/// <summary>The tokens of a corpus, against reading its files whole.</summary>
public class CorpusTokensTests
{
    /// <summary>Text with characters of one to four bytes, in runs, so that borders meet all of them; with zero and byte order marks.</summary>
    private static Gen<string> Text { get; } =
        Gen.Select(
                Gen.OneOf(Gen.Int['a', 'e'], Gen.Int[0, 0x7f], Gen.Int[0x80, 0x7ff], Gen.Int[0x800, 0xd7ff], Gen.Int[0xe000, 0xffff], Gen.Int[0x1_0000, 0x10_ffff]),
                Gen.Int[1, 300])
            .Select((codePoint, times) => string.Concat(Enumerable.Repeat(new Rune(codePoint).ToString(), times)))
            .Array[1, 20]
            .Select(string.Concat);

    private static Gen<double[]> Places { get; } = Gen.Double[0, 1].Array[20];

    [Theory]
    [InlineData("bytes")]
    [InlineData("chars")]
    public void Any_part_of_any_text_reads_as_in_the_whole(string tokenizer) =>
        Gen.Select(Text.Array[1, 4], Places).Sample(
            (texts, places) =>
            {
                using var folder = new DataFolder();
                for (var i = 0; i < texts.Length; i++)
                {
                    folder.Write($"{i}.txt", texts[i]);
                }

                var whole = Whole(tokenizer, texts);
                using var corpus = folder.Open(tokenizer, "*.txt");
                Assert.Equal(whole.LongLength, corpus.Count);
                Assert.Equal(whole, Read(corpus, 0, whole.Length));
                for (var i = 0; i < places.Length; i += 2)
                {
                    var offset = (int)(places[i] * whole.Length);
                    var length = Math.Min((int)(places[i + 1] * whole.Length), whole.Length - offset);
                    Assert.Equal(whole[offset..(offset + length)], Read(corpus, offset, length));
                }
            },
            iter: 60);

    [Theory]
    [InlineData("a", 0)]
    [InlineData("é", 1)]
    [InlineData("€", 1)]
    [InlineData("€", 2)]
    [InlineData("😀", 0)]
    [InlineData("😀", 1)]
    [InlineData("😀", 2)]
    [InlineData("😀", 3)]
    public void A_character_across_the_border_of_two_blocks_is_one_character(string character, int shift)
    {
        // Files are read in blocks of 1 MiB; the shift moves what lies on the border.
        var times = ((1 << 20) / Encoding.UTF8.GetByteCount(character)) + 5;
        var text = new string('x', shift) + string.Concat(Enumerable.Repeat(character, times)) + "y";
        using var folder = new DataFolder();
        folder.Write("a.txt", text);
        using var corpus = folder.Open("chars", "a.txt");
        Assert.Equal(Whole("chars", text), Read(corpus, 0, (int)corpus.Count));
    }

    [Fact]
    public void Reads_that_begin_around_every_entry_of_the_index_are_right()
    {
        var text = string.Concat(Enumerable.Range(0, 5000).Select(i => new Rune(0x80 + (i * 10))));
        var whole = Whole("chars", text);
        using var folder = new DataFolder();
        folder.Write("a.txt", text);
        using var corpus = folder.Open("chars", "a.txt");
        for (var offset = 0; offset < whole.Length; offset++)
        {
            Assert.Equal(whole[offset..Math.Min(whole.Length, offset + 3)], Read(corpus, offset, Math.Min(3, whole.Length - offset)));
        }
    }

    [Fact]
    public void Characters_are_numbered_in_the_order_of_their_code_points_over_all_files()
    {
        using var folder = new DataFolder();
        folder.Write("1.txt", "\uFEFFb\n"); // A byte order mark is a character like any other.
        folder.Write("2.txt", "a😀b");
        using var corpus = folder.Open("chars", "*.txt");
        Assert.Equal("\nab\uFEFF😀", corpus.Tokenizer.Characters);
        Assert.Equal(("chars", 5), (corpus.Tokenizer.Name, corpus.Tokenizer.Vocabulary));
        Assert.Equal([3, 2, 0, 1, 4, 2], Read(corpus, 0, 6));
    }

    [Fact]
    public void Bytes_are_their_own_numbers_whether_text_or_not()
    {
        var bytes = Enumerable.Range(0, 256).Select(i => (byte)i).Reverse().ToArray();
        using var folder = new DataFolder();
        folder.Write("a.bin", bytes);
        using var corpus = folder.Open("bytes", "a.bin");
        Assert.Equal(("bytes", 256, null), (corpus.Tokenizer.Name, corpus.Tokenizer.Vocabulary, corpus.Tokenizer.Characters));
        Assert.Equal(bytes.Select(value => (long)value), Read(corpus, 0, 256));
    }

    [Theory]
    [InlineData("ab\u00ff", 2)]
    [InlineData("\u0080", 0)] // A middle without a beginning.
    [InlineData("a\u00c3", 1)] // The file ends within a character.
    [InlineData("a\u00e2\u0082", 1)]
    [InlineData("a\u00f0\u009f\u0098", 1)]
    [InlineData("\u00c3a", 0)]
    [InlineData("\u00c0\u0080", 0)] // Longer than need be.
    [InlineData("x\u00ed\u00a0\u0080", 1)] // Half a surrogate pair.
    [InlineData("\u00f4\u0090\u0080\u0080", 0)] // Beyond the last code point.
    public void Text_that_is_not_utf8_is_refused_with_its_place(string latin1, int position)
    {
        using var folder = new DataFolder();
        // Before the border of two blocks, across it, and after it.
        foreach (var before in (int[])[0, (1 << 20) - 1, 1 << 20])
        {
            var file = folder.Write("a.txt", [.. Enumerable.Repeat((byte)'-', before), .. Encoding.Latin1.GetBytes(latin1)]);
            Assert.Equal(
                $"{file} is not UTF-8 text (byte {before + position}), which the tokenizer chars needs; use data.tokenizer = bytes for any file.",
                Assert.Throws<BadInputException>(() => folder.Open("chars", "a.txt")).Message);
        }
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(0, 4)]
    public void Tokens_beyond_the_last_are_refused(long offset, int length)
    {
        using var folder = new DataFolder();
        folder.Write("a.txt", "abc");
        using var corpus = folder.Open("bytes", "a.txt");
        Assert.Throws<ArgumentOutOfRangeException>(() => Read(corpus, offset, length));
    }

    [Fact]
    public void Several_threads_read_at_once()
    {
        using var folder = new DataFolder();
        var text = string.Concat(Enumerable.Range(0, 30_000).Select(i => new Rune('a' + (i % 1000))));
        folder.Write("a.txt", text);
        var whole = Whole("chars", text);
        using var corpus = folder.Open("chars", "a.txt");
        Parallel.For(0, 200, i => Assert.Equal(whole[(i * 100)..((i * 100) + 500)], Read(corpus, i * 100, 500)));
    }

    private static long[] Read(Corpus corpus, long offset, int length)
    {
        var tokens = new long[length];
        corpus.Read(offset, tokens);
        return tokens;
    }

    /// <summary>The tokens of all texts, the simple way.</summary>
    private static long[] Whole(string tokenizer, params string[] texts)
    {
        var all = string.Concat(texts);
        if (tokenizer == "bytes")
        {
            return [.. Encoding.UTF8.GetBytes(all)];
        }

        var ids = all.EnumerateRunes().Distinct().Order().Select((rune, id) => (rune, id)).ToDictionary(pair => pair.rune, pair => pair.id);
        return [.. all.EnumerateRunes().Select(rune => ids[rune])];
    }
}
