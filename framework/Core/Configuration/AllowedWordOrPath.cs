namespace Pipeline.Core.Configuration;

internal sealed class AllowedWordOrPath(IReadOnlyList<string> words) : AllowedValue
{
    public override string Description => $"{string.Join(", ", words)}, or a path with a dot or a slash in it";

    public override object Read(SettingNode node)
    {
        var text = Text(node);
        return text.AsSpan().IndexOfAny('.', '/', '\\') >= 0 && !text.Contains('\0') ? text
            : words.Contains(text, StringComparer.Ordinal) ? text
            : throw Refusal(node, EditDistance.Nearest(text, words));
    }
}
