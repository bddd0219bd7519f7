namespace Pipeline.Core.Configuration;

/// <summary>Keys with their values, in the order they were written.</summary>
public sealed class SettingObject(string path, string place, IEnumerable<KeyValuePair<string, SettingNode>> children)
    : SettingNode(path, place)
{
    private readonly OrderedDictionary<string, SettingNode> children = new(children, StringComparer.Ordinal);

    public IReadOnlyDictionary<string, SettingNode> Children => children;

    public override string Description => "a section";

    public string PathOf(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    /// <summary>This object with another laid over it: sections merge, any other value of <paramref name="over"/> wins.</summary>
    public SettingObject Overlay(SettingObject over)
    {
        var merged = new OrderedDictionary<string, SettingNode>(children, StringComparer.Ordinal);
        foreach (var (key, child) in over.children)
        {
            merged[key] = child is SettingObject section && children.GetValueOrDefault(key) is SettingObject here
                ? here.Overlay(section)
                : child;
        }
        return new SettingObject(Path, Place, merged);
    }

    /// <summary>Where a sentence that names several keys points: to the override, when it names a key that was set there.</summary>
    public string PlaceNamedIn(string sentence)
    {
        var words = sentence.Split(' ').Select(word => word.Trim(',', ';', ':', '.', '(', ')')).ToHashSet(StringComparer.Ordinal);
        return Values().FirstOrDefault(value => value.Place != Place && words.Contains(value.Path))?.Place ?? Place;
    }

    private IEnumerable<SettingNode> Values() =>
        children.Values.SelectMany(child => child is SettingObject section ? section.Values() : [child]);
}
