namespace Pipeline.Core.Configuration;

internal sealed class AllowedSwitch : AllowedValue
{
    public override string Description => "true or false";

    public override object Read(SettingNode node) => Text(node) switch
    {
        "true" => true,
        "false" => false,
        _ => throw Refusal(node),
    };
}
