using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

public class SettingsBinderTests
{
    [Fact]
    public void Every_type_is_bound()
    {
        var sample = Bind("""
            {
                'section': { 'low': 3 },
                'text': 'a b', 'color': 'green', 'whole': 1e1, 'long': -9223372036854775808, 'share': 1e-3, 'number': -7, 'flag': false,
                'colors': 'green', 'texts': ['a', 2], 'counts': [1, 2.0], 'numbers': [0.5, 1e300]
            }
            """);
        Assert.Equal(new SampleSection(3, 9), sample.Section);
        Assert.Equal(("a b", "green", 10, long.MinValue, 0.001, -7.0, false),
            (sample.Text, sample.Color, sample.Whole, sample.Long, sample.Share, sample.Number, sample.Flag));
        Assert.Equal(["green"], sample.Colors!);
        Assert.Equal(["a", "2"], sample.Texts!);
        Assert.Equal([1, 2], sample.Counts!);
        Assert.Equal([0.5, 1e300], sample.Numbers!);
    }

    [Fact]
    public void Keys_left_out_have_their_defaults() =>
        Assert.Equal(new Sample(new SampleSection(), "x"), Bind("{'text': 'x'}"));

    [Theory]
    [InlineData("{'text': 'x', 'colour': 'red'}", "x.hocon: colour is not a key; did you mean color?")]
    [InlineData("{'section': {'hihg': 1}}", "x.hocon: section.hihg is not a key of section; did you mean high?")]
    [InlineData("{'section': {'width': 1}}", "x.hocon: section.width is not a key of section; allowed are low, high and nothing.")]
    [InlineData("{'section': 1}", "x.hocon: section must be a section, not \"1\".")]
    [InlineData("{'section': [1]}", "x.hocon: section must be a section, not a list.")]
    [InlineData("{'section': {'low': 10}}", "x.hocon: section.low must be at most section.high.")]
    [InlineData("{'flag': true}", "x.hocon: text is missing; it must be text.")]
    [InlineData("{'text': {'a': 1}}", "x.hocon: text must be text, not a section.")]
    [InlineData("{'text': ['a']}", "x.hocon: text must be text, not a list.")]
    [InlineData("{'text': 'x', 'flag': 'yes'}", "x.hocon: flag must be true or false, not \"yes\".")]
    [InlineData("{'text': 'x', 'color': 'blue'}", "x.hocon: color must be red or green, not \"blue\".")]
    [InlineData("{'text': 'x', 'color': 'gren'}", "x.hocon: color must be red or green, not \"gren\"; did you mean green?")]
    [InlineData("{'text': 'x', 'colors': ['red', 'blue']}", "x.hocon: colors[1] must be red or green, not \"blue\".")]
    [InlineData("{'text': 'x', 'colors': {'a': 1}}", "x.hocon: colors must be red or green, or a list of such values, not a section.")]
    [InlineData("{'text': 'x', 'whole': 'many'}", "x.hocon: whole must be a whole number of at least 0 and at most 10, not \"many\".")]
    [InlineData("{'text': 'x', 'whole': 1.5}", "x.hocon: whole must be a whole number of at least 0 and at most 10, not \"1.5\".")]
    [InlineData("{'text': 'x', 'whole': -1}", "x.hocon: whole must be a whole number of at least 0 and at most 10, not \"-1\".")]
    [InlineData("{'text': 'x', 'counts': [1, 0]}", "x.hocon: counts[1] must be a whole number of at least 1, not \"0\".")]
    [InlineData("{'text': 'x', 'counts': 2147483648}", "x.hocon: counts must be a whole number from 1 to 2147483647, not \"2147483648\".")]
    [InlineData("{'text': 'x', 'long': 1e19}",
        "x.hocon: long must be a whole number from -9223372036854775808 to 9223372036854775807, not \"1e19\".")]
    [InlineData("{'text': 'x', 'long': '0x10'}", "x.hocon: long must be a whole number, not \"0x10\".")]
    [InlineData("{'text': 'x', 'share': 1}", "x.hocon: share must be a number greater than 0 and less than 1, not \"1\".")]
    [InlineData("{'text': 'x', 'number': '1,5'}", "x.hocon: number must be a number, not \"1,5\".")]
    [InlineData("{'text': 'x', 'number': 'NaN'}", "x.hocon: number must be a finite number, not \"NaN\".")]
    [InlineData("{'text': 'x', 'number': '-Infinity'}", "x.hocon: number must be a finite number, not \"-Infinity\".")]
    [InlineData("{'text': 'x', 'number': 1e999}", "x.hocon: number must be a finite number, not \"1e999\".")]
    public void What_does_not_fit_is_one_sentence(string text, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => Bind(text)).Message);

    [Fact]
    public void A_sentence_shows_no_more_of_a_text_than_fits_and_stays_on_one_line()
    {
        var sentence = Assert.Throws<BadInputException>(() => Bind($"{{'text': 'x', 'color': 'a\\n{new string('b', 1000)}'}}")).Message;
        Assert.DoesNotContain('\n', sentence);
        Assert.InRange(sentence.Length, 60, 200);
    }

    private static Sample Bind(string text) => SettingsBinder.Bind<Sample>(SettingTree.OfJson(text, "x.hocon"));
}
