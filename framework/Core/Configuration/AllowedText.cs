namespace Pipeline.Core.Configuration;

internal sealed class AllowedText : AllowedValue
{
    public override string Description => "text";

    public override object Read(SettingNode node) => Text(node);
}
