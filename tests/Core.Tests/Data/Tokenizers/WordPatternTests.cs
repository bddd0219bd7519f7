using CsCheck;
using Pipeline.Core.Data.Tokenizers;

namespace Pipeline.Core.Tests.Data.Tokenizers;

public class WordPatternTests
{
    private static readonly WordPattern[] All = [.. WordPattern.Known.Values.Distinct()];

    // Written out from the patterns; a bar is between words.
    [Theory]
    [InlineData("I'll go  now, don't\n\nstop.", "I|'ll| go| | now|,| don|'t|\n|\n|stop|.")]
    [InlineData("x=12345 !!\n", "x|=|12345| !!|\n")]
    [InlineData("'LL", "'|LL")]
    [InlineData("a\uD835\uDC00b c", "a\uD835\uDC00b| c")] // A mathematical letter is a letter,
    [InlineData("1\uD835\uDFCE2", "1\uD835\uDFCE2")] // a mathematical digit a digit,
    [InlineData("a\uD83D\uDE00!b", "a|\uD83D\uDE00!|b")] // and a face neither.
    public void Gpt2_cuts_so(string text, string words) => Assert.Equal(words, Words(WordPattern.Gpt2, text));

    [Theory]
    [InlineData("I'LL go  now, don't\n\nstop.\n", "I|'LL| go| | now|,| don|'t|\n\n|stop|.\n")]
    [InlineData("x=12345 !!\n\n a", "x|=|123|45| !!\n\n| a")]
    [InlineData("it'\u017F", "it|'\u017F")] // A long s is an s.
    [InlineData(" \n  \n  a", " \n  \n| | a")]
    [InlineData("(word)", "(word|)")]
    [InlineData("\uD835\uDFCE\uD835\uDFCE\uD835\uDFCE1", "\uD835\uDFCE\uD835\uDFCE\uD835\uDFCE|1")]
    public void Llama3_cuts_so(string text, string words) => Assert.Equal(words, Words(WordPattern.Cl100k, text));

    [Theory]
    [InlineData("HelloWorld's GPT4o/\n", "Hello|World's| GPT|4|o|/\n")]
    public void Gpt4o_cuts_so(string text, string words) => Assert.Equal(words, Words(WordPattern.O200k, text));

    [Fact]
    public void Digits_stand_alone()
    {
        Assert.Equal("a|1|2|b", Words(WordPattern.EachDigit, "a12b"));
        Assert.Equal("a|12|b", Words(WordPattern.Digits, "a12b"));
    }

    [Fact]
    public void A_border_is_a_border_of_words_whatever_follows() =>
        Gen.Select(MixedText.Any, MixedText.Any).Sample((text, more) =>
        {
            for (var end = WordPattern.Border(text); end > 0; end = WordPattern.Border(text.AsSpan(0, end)))
            {
                foreach (var pattern in All)
                {
                    var parts = $"{Words(pattern, text[..end])}|{Words(pattern, text[end..] + more)}";
                    Assert.Equal(parts, Words(pattern, text + more));
                }
            }
        });

    private static string Words(WordPattern pattern, string text)
    {
        var ends = new List<int>();
        pattern.Split(text, ends);
        Assert.Equal(text.Length, ends.LastOrDefault());
        return string.Join('|', ends.Zip([0, .. ends], (end, start) => text[start..end]));
    }
}
