using System.Globalization;
using System.Text;

namespace Pipeline.Core.Configuration;

/// <summary>The words of HOCON: keys and single values, quoted or not.</summary>
/// <param name="strict">Whether text with special characters must be quoted, as HOCON asks for.</param>
internal sealed class HoconValueReader(string place, HoconText text, bool strict)
{
    // HOCON forbids + too, but a number may have one: 1e+3.
    private const string Special = "$\":=`^?!@*&\\{[";
    private const string SpecialWithoutQuotes = "\"{[";

    /// <summary>A key's words: <c>a.b</c> has two.</summary>
    public List<string> Key()
    {
        var words = new List<string>();
        do
        {
            var word = text.Next == '"' ? Quoted() : text.TakeWhile(HoconText.IsWord);
            if (word.Length == 0)
                throw text.Error($"a key is expected, not {text.NextWord()}");
            words.Add(word);
        }
        while (text.TryTake('.'));
        text.SkipSpaces();
        if (words is ["include"])
            throw text.Error("include is not allowed; a job file is self-contained");
        return words;
    }

    public SettingNode Scalar(string path)
    {
        if (text.Next == '"')
            return new SettingText(path, place, Quoted());
        var value = Unquoted();
        if (value.Length == 0)
            throw text.Error($"{QuotedText.Shorten(path)} has no value");
        return value == "null" ? new SettingNull(path, place) : new SettingText(path, place, value);
    }

    private string Unquoted()
    {
        var value = text.TakeWhile(character =>
            character is not ('\n' or ',' or ']' or '}') && !text.AtComment
            && !(strict ? Special : SpecialWithoutQuotes).Contains(character, StringComparison.Ordinal)
            && !(char.IsControl(character) && character != '\t') && !text.At("${"));
        if (text.At("${"))
            throw text.Error("substitutions such as ${key} are not allowed; a job file is self-contained");
        var words = value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (text.AtEnd || text.Next is '\n' or ',' or ']' or '}' || (text.AtComment && !(text.Next == '/' && GluedTo(value))))
            return value.Trim();
        if (char.IsControl(text.Next))
            throw text.Error($"the character {QuotedText.Of(text.Next.ToString())} is not allowed");
        // What looks like a second key: "b = 1 c = 2".
        if (words.Length > 1 && text.Next is '=' or ':' or '{')
            throw text.Error($"a comma or a new line is missing before {QuotedText.Of(QuotedText.Shorten(words[^1]))}");
        throw text.Error($"text with {(text.AtComment ? "//" : text.Next.ToString())} must be in quotes");
    }

    private static bool GluedTo(string value) => value.Length > 0 && !char.IsWhiteSpace(value[^1]);

    private string Quoted()
    {
        var opened = text.Line;
        if (text.At("\"\"\""))
            throw text.Error("\"\"\" is not allowed; use \" and the escape \\n for a new line");
        text.Take();
        var quoted = new StringBuilder();
        while (!text.TryTake('"'))
        {
            if (text.AtEnd || text.Next == '\n')
                throw text.Error(opened, "the text that \" opens here is never closed");
            var character = text.Take();
            quoted.Append(character == '\\' ? Escaped() : character);
        }
        return quoted.ToString();
    }

    private char Escaped()
    {
        var escape = text.AtEnd ? '\0' : text.Take();
        return escape switch
        {
            '"' or '\\' or '/' => escape,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\b',
            'f' => '\f',
            'u' => CodeUnit(),
            _ => throw text.Error("after \\ in quotes only \" \\ / b f n r t and uXXXX are allowed"),
        };
    }

    private char CodeUnit()
    {
        var digits = 0;
        var hex = text.TakeWhile(character => char.IsAsciiHexDigit(character) && digits++ < 4);
        return hex.Length == 4
            ? (char)ushort.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : throw text.Error("after \\u in quotes four hexadecimal digits are needed");
    }
}
