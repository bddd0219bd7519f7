using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Jobs;

/// <summary>One <c>--set a.b=c</c> of the command line. Shells eat quotes, so text needs none: commas make a list, and only
/// what begins with <c>{</c> or has quotes is read as HOCON.</summary>
internal static class SettingOverride
{
    private const string Place = "--set";

    /// <summary>A tree with that one value, to lay over a file's.</summary>
    public static SettingObject Parse(string text)
    {
        var where = $"{Place} {QuotedText.Shorten(text).ReplaceLineEndings(" ")}";
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var path = text[..Math.Max(equals, 0)].Trim();
        var keys = path.Split('.');
        if (keys.Length > HoconSyntax.MaximumDepth || !keys.All(key => key.Length > 0 && key.All(HoconText.IsWord)))
        {
            throw new BadInputException($"{where}: write it as KEY=VALUE, such as --set job.steps=100.");
        }
        var value = text[(equals + 1)..].Trim();
        return value.StartsWith('{') || value.Contains('"', StringComparison.Ordinal)
            ? HoconTree.Read($"{path}={HoconSyntax.PlainValue(value, path, where)}", Place)
            : Tree(keys, Node(value, path, where));
    }

    private static SettingNode Node(string value, string path, string where)
    {
        var bracketed = value.StartsWith('[');
        if (bracketed && !value.EndsWith(']'))
        {
            throw new BadInputException($"{where}: a list must begin with [ and end with ].");
        }
        var content = bracketed ? value[1..^1].Trim() : value;
        if (bracketed && content.Length == 0)
        {
            return new SettingList(path, Place, []);
        }
        var items = content.Split(',', StringSplitOptions.TrimEntries);
        if (items.Contains(""))
        {
            throw new BadInputException($"{where}: {path} has no value.");
        }
        return items.Length == 1 && !bracketed
            ? new SettingText(path, Place, content)
            : new SettingList(path, Place, [.. items.Select((item, index) =>
                new SettingText(string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]"), Place, item))]);
    }

    private static SettingObject Tree(ReadOnlySpan<string> keys, SettingNode value)
    {
        var tree = value;
        for (var depth = keys.Length - 1; depth >= 0; depth--)
        {
            tree = new SettingObject(string.Join('.', keys[..depth]), Place, [KeyValuePair.Create(keys[depth], tree)]);
        }
        return (SettingObject)tree;
    }
}
