namespace Pipeline.Core.Configuration;

/// <summary>Elements of a list; a single value is a list of one.</summary>
internal sealed class AllowedList<T>(AllowedValue element) : AllowedValue
{
    public override string Description => $"{element.Description}, or a list of such values";

    public override object Read(SettingNode node) => node switch
    {
        SettingList list => list.Items.Select(item => (T)element.Read(item)).ToArray(),
        SettingText => new[] { (T)element.Read(node) },
        _ => throw Refusal(node),
    };
}
