using System.Globalization;
using System.Text;

namespace Pipeline.Runtime.Jobs;

/// <summary>Checks a text before Akka reads it, and names the line of what is wrong. Akka's reader takes an unclosed brace,
/// drops what follows a stray one, reads two keys on one line as one, and does not return from some unclosed lists. What it
/// does not read as HOCON says (include, +=, <c>"""</c>, null) is refused by name: nothing is ignored silently.</summary>
internal sealed class HoconSyntax
{
    public const int MaximumDepth = 20;

    private const int LongestKey = 100;

    private readonly HoconText text;
    private readonly HoconKeys keys;

    // What Akka gets: the same without comments and blanks, which it takes for parts of a value here and there.
    private readonly StringBuilder plain = new();
    private readonly HoconValueSyntax values;
    private int lists;

    private HoconSyntax(HoconText text)
    {
        this.text = text;
        keys = new HoconKeys(text);
        values = new HoconValueSyntax(text, keys, plain);
    }

    /// <summary>The text of a file as Akka reads it right.</summary>
    /// <param name="place">The file's name as the user wrote it.</param>
    public static string PlainFile(string content, string place) => PlainFile(content, place, out _);

    /// <param name="lines">By key: the line of its last value.</param>
    public static string PlainFile(string content, string place, out IReadOnlyDictionary<string, int> lines)
    {
        var text = new HoconText(content, line => string.Create(CultureInfo.InvariantCulture, $"{place}, line {line}"));
        var syntax = new HoconSyntax(text);
        text.SkipBlank();
        if (text.Next == '{')
        {
            syntax.Section("", depth: 0);
        }
        else
        {
            syntax.Entries("", depth: 0);
        }
        text.SkipBlank();
        if (!text.AtEnd)
        {
            throw text.Error(text.Next switch
            {
                '}' => "there is no { for this }",
                ']' => "there is no [ for this ]",
                _ => $"nothing may follow the last }}, but {text.NextWord()} does",
            });
        }
        syntax.keys.CheckSubstitutions();
        lines = syntax.keys.Lines;
        return syntax.plain.ToString();
    }

    /// <summary>A single value as Akka reads it right; several with commas between them are a list.</summary>
    /// <param name="path">Its dotted key.</param>
    /// <param name="where">What a sentence about it begins with.</param>
    public static string PlainValue(string content, string path, string where)
    {
        var text = new HoconText(content, _ => where);
        var syntax = new HoconSyntax(text);
        var count = 0;
        do
        {
            syntax.plain.Append(count++ == 0 ? "" : ",");
            text.SkipBlank();
            syntax.Value(path, depth: 0);
            text.SkipBlank();
        }
        while (text.TryTake(','));
        if (!text.AtEnd)
        {
            throw text.Error($"a comma is missing before {text.NextWord()}");
        }
        syntax.keys.CheckSubstitutions();
        return count == 1 ? syntax.plain.ToString() : $"[{syntax.plain}]";
    }

    private void Section(string path, int depth)
    {
        var opened = text.Line;
        plain.Append(text.Take());
        Entries(path, depth);
        Close('{', '}', opened);
    }

    private void Entries(string path, int depth)
    {
        for (text.SkipBlank(); !text.AtEnd && text.Next is not ('}' or ']'); Separator('\n'))
        {
            Entry(path, depth);
        }
    }

    private void Entry(string path, int depth)
    {
        var line = text.Line;
        var words = Key();
        CheckDepth(depth += words.Count);
        plain.AppendJoin('.', words);
        foreach (var word in words)
        {
            if (path.Length > 0)
            {
                keys.AddSection(path, line);
                path += ".";
            }
            path += word;
        }
        if (path.Length > LongestKey)
        {
            throw text.Error(line, string.Create(CultureInfo.InvariantCulture, $"a key may have at most {LongestKey} characters"));
        }
        var newLine = text.SkipBlank();
        if (text.At("+="))
        {
            throw text.Error("+= is not allowed; write the whole list");
        }
        if (text.Next is '=' or ':' && !newLine)
        {
            plain.Append(text.Take());
            if (text.SkipBlank() && text.Next is not ('{' or '['))
            {
                throw text.Error(line, $"{path} has no value");
            }
        }
        else if (text.Next != '{')
        {
            throw text.Error(line, $"{path} must be followed by = and a value, or by a section");
        }
        if (text.Next == '{')
        {
            keys.AddSection(path, line);
            Section(path, depth);
        }
        else
        {
            keys.AddValue(path, line);
            Value(path, depth);
        }
    }

    /// <summary>A key's words: <c>a.b</c> has two.</summary>
    private List<string> Key()
    {
        var words = new List<string>();
        do
        {
            var quoted = text.TryTake('"');
            var word = text.TakeWhile(HoconText.IsWord);
            if (word.Length == 0 || (quoted && !text.TryTake('"')))
            {
                throw text.Error($"a key of letters, digits, - and _ is expected, not {text.NextWord()}");
            }
            words.Add(word);
        }
        while (text.TryTake('.'));
        return words is ["include"] ? throw text.Error("include is not allowed; a job file is self-contained") : words;
    }

    private void Value(string path, int depth)
    {
        switch (text.Next)
        {
            case '[':
                CheckDepth(depth + 1);
                Items(path, depth + 1);
                break;
            case '{':
                CheckDepth(depth + 1);
                Section(path, depth + 1);
                break;
            default:
                values.Text(path);
                break;
        }
    }

    private void Items(string path, int depth)
    {
        var opened = text.Line;
        plain.Append(text.Take());
        for (text.SkipBlank(); !text.AtEnd && text.Next is not ('}' or ']'); Separator(','))
        {
            if (text.Next == ',')
            {
                throw text.Error("a value is expected, not \",\"");
            }
            // Numbered through, so that a list that replaces another may have other keys in its sections.
            Value(string.Create(CultureInfo.InvariantCulture, $"{path}[{lists++}]"), depth);
        }
        Close('[', ']', opened);
    }

    private void Separator(char separator)
    {
        var newLine = text.SkipBlank();
        if (text.TryTake(','))
        {
            text.SkipBlank();
        }
        // The } of a section ends its entry plainly enough, and Akka agrees.
        else if (!newLine && !text.AtEnd && text.Next is not ('}' or ']') && !(separator == '\n' && plain[^1] == '}'))
        {
            throw text.Error($"a comma or a new line is missing before {text.NextWord()}");
        }
        plain.Append(separator);
    }

    private void Close(char opening, char closing, int opened)
    {
        if (text.AtEnd)
        {
            throw text.Error(opened, $"the {opening} that opens here is never closed");
        }
        if (!text.TryTake(closing))
        {
            throw text.Error(string.Create(CultureInfo.InvariantCulture,
                $"{closing} must close the {opening} of line {opened}, but here stands {text.Next}"));
        }
        plain.Append(closing);
    }

    private void CheckDepth(int depth)
    {
        if (depth > MaximumDepth)
        {
            throw text.Error(string.Create(CultureInfo.InvariantCulture, $"sections and lists may be nested at most {MaximumDepth} deep"));
        }
    }
}
