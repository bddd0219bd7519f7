namespace Pipeline.Core.Configuration;

/// <summary>One <c>--set a.b=c</c> of the command line.</summary>
public static class SettingOverride
{
    public const string Place = "--set";

    /// <summary>A tree with that one value, to lay over a file's.</summary>
    public static SettingObject Parse(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var path = text[..Math.Max(equals, 0)].Trim();
        var keys = path.Split('.');
        if (keys.Length > HoconParser.MaximumDepth || !keys.All(key => key.Length > 0 && key.All(HoconText.IsWord)))
            throw new BadInputException(
                $"{Place} {QuotedText.Shorten(text)}: write it as KEY=VALUE, such as --set job.steps=100.");
        var root = new SettingObject("", Place);
        var section = root;
        foreach (var key in keys.SkipLast(1))
        {
            var inner = new SettingObject(section.PathOf(key), Place);
            section.TryAdd(key, inner);
            section = inner;
        }
        section.TryAdd(keys[^1], HoconParser.ParseValue(text[(equals + 1)..], path, Place));
        return root;
    }
}
