namespace Pipeline.Core.Configuration;

public sealed class SettingList(string path, string place, IReadOnlyList<SettingNode> items) : SettingNode(path, place)
{
    public IReadOnlyList<SettingNode> Items => items;

    public override string Description => "a list";
}
