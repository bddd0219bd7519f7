using System.Globalization;

namespace Pipeline.Core.Configuration;

/// <summary>Reads HOCON strictly. Akka's own reader takes an unclosed brace, drops what follows a stray one, reads two keys
/// on one line as one, does not return from some unclosed lists, and knows no line numbers: fine for settings that we ship,
/// not for a file a user writes. What is left out (include, substitutions, +=, <c>"""</c>) is refused by name, and so is a
/// key given twice: nothing is ignored silently.</summary>
public sealed class HoconParser
{
    internal const int MaximumDepth = 20;

    private readonly string place;
    private readonly HoconText text;
    private readonly HoconValueReader values;

    private HoconParser(string place, HoconText text, bool strict)
    {
        this.place = place;
        this.text = text;
        values = new HoconValueReader(place, text, strict);
    }

    /// <param name="place">The file's name as the user wrote it.</param>
    public static SettingObject ParseFile(string content, string place)
    {
        var text = new HoconText(content, comments: true, line => string.Create(CultureInfo.InvariantCulture, $"{place}, line {line}"));
        var root = new SettingObject("", place);
        var parser = new HoconParser(place, text, strict: true);
        text.SkipBlank();
        if (text.Next == '{')
            parser.Section(root, depth: 0);
        else
            parser.Entries(root, depth: 0);
        text.SkipBlank();
        return text.AtEnd ? root : throw text.Error(text.Next switch
        {
            '}' => "there is no { for this }",
            ']' => "there is no [ for this ]",
            _ => $"nothing may follow the last }}, but {text.NextWord()} does",
        });
    }

    /// <summary>Reads what follows the = of an override. Shells eat quotes, so text needs none here; commas make a list.</summary>
    /// <param name="key">The override's dotted key.</param>
    internal static SettingNode ParseValue(string content, string key, string place)
    {
        var text = new HoconText(content, comments: false, _ => $"{place} {QuotedText.Shorten($"{key}={content}")}");
        var parser = new HoconParser(place, text, strict: false);
        var found = new List<SettingNode>();
        do
        {
            text.SkipBlank();
            found.Add(parser.Value(key, depth: 0));
            text.SkipBlank();
        }
        while (text.TryTake(','));
        if (!text.AtEnd)
            throw text.Error($"a comma is missing before {text.NextWord()}");
        return found.Count == 1 ? found[0] : new SettingList(key, place, found);
    }

    private void Section(SettingObject section, int depth)
    {
        var opened = text.Line;
        text.Take();
        Entries(section, depth);
        Close('{', '}', opened);
    }

    private void Entries(SettingObject section, int depth)
    {
        for (text.SkipBlank(); !text.AtEnd && text.Next is not ('}' or ']'); Separator())
            Entry(section, depth);
    }

    private void Entry(SettingObject section, int depth)
    {
        var line = text.Line;
        var keys = values.Key();
        var name = QuotedText.Shorten(string.Join('.', keys));
        if (depth + keys.Count > MaximumDepth)
            throw TooDeep();
        foreach (var key in keys.SkipLast(1))
            section = Subsection(section, key, line);
        var newLine = text.SkipBlank();
        if (text.At("+="))
            throw text.Error("+= is not allowed; a job file is self-contained");
        if (text.Next is '=' or ':' && !newLine)
        {
            text.Take();
            newLine = text.SkipBlank();
            if (newLine && text.Next is not ('{' or '['))
                throw text.Error(line, $"{name} has no value");
        }
        else if (text.Next != '{')
        {
            throw text.Error(line, $"{name} must be followed by = and a value, or by a section");
        }
        if (text.Next == '{')
            Section(Subsection(section, keys[^1], line), depth + keys.Count);
        else if (!section.TryAdd(keys[^1], Value(section.PathOf(keys[^1]), depth + keys.Count)))
            throw Twice(section, keys[^1], line);
    }

    private SettingObject Subsection(SettingObject section, string key, int line)
    {
        section.TryAdd(key, new SettingObject(section.PathOf(key), place));
        return section.Children[key] as SettingObject ?? throw Twice(section, key, line);
    }

    private SettingNode Value(string path, int depth)
    {
        if (text.Next == '[')
            return new SettingList(path, place, Items(path, depth + 1));
        if (text.Next != '{')
            return values.Scalar(path);
        var section = new SettingObject(path, place);
        Section(section, depth + 1);
        return section;
    }

    private List<SettingNode> Items(string path, int depth)
    {
        if (depth > MaximumDepth)
            throw TooDeep();
        var opened = text.Line;
        var items = new List<SettingNode>();
        text.Take();
        for (text.SkipBlank(); !text.AtEnd && text.Next is not ('}' or ']'); Separator())
            items.Add(Value(string.Create(CultureInfo.InvariantCulture, $"{path}[{items.Count}]"), depth));
        Close('[', ']', opened);
        return items;
    }

    private void Separator()
    {
        var newLine = text.SkipBlank();
        if (text.TryTake(','))
            text.SkipBlank();
        else if (!newLine && !text.AtEnd && text.Next is not ('}' or ']'))
            throw text.Error($"a comma or a new line is missing before {text.NextWord()}");
    }

    private void Close(char opening, char closing, int opened)
    {
        if (text.AtEnd)
            throw text.Error(opened, $"the {opening} that opens here is never closed");
        if (!text.TryTake(closing))
            throw text.Error(string.Create(CultureInfo.InvariantCulture,
                $"{closing} must close the {opening} of line {opened}, but here stands {text.Next}"));
    }

    private BadInputException Twice(SettingObject section, string key, int line) =>
        text.Error(line, $"{QuotedText.Shorten(section.PathOf(key))} is given twice");

    private BadInputException TooDeep() =>
        text.Error(string.Create(CultureInfo.InvariantCulture, $"sections and lists may be nested at most {MaximumDepth} deep"));
}
