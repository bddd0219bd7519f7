namespace Pipeline.Core.Configuration;

public sealed class SettingNull(string path, string place) : SettingNode(path, place)
{
    public override string Description => "null";
}
