namespace Pipeline.Core.Configuration;

public sealed class SettingText(string path, string place, string text) : SettingNode(path, place)
{
    public string Text => text;

    public override string Description => QuotedText.Of(QuotedText.Shorten(text));
}
