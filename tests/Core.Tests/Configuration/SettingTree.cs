using System.Globalization;
using System.Text.Json;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

/// <summary>A tree of settings without a HOCON reader.</summary>
internal static class SettingTree
{
    /// <param name="json">With ' for ".</param>
    public static SettingObject OfJson(string json, string place)
    {
        using var document = JsonDocument.Parse(json.Replace('\'', '"'));
        return (SettingObject)Node(document.RootElement, "", place);
    }

    private static SettingNode Node(JsonElement element, string path, string place) => element.ValueKind switch
    {
        JsonValueKind.Object => new SettingObject(path, place, element.EnumerateObject().Select(child =>
            KeyValuePair.Create(child.Name, Node(child.Value, path.Length == 0 ? child.Name : $"{path}.{child.Name}", place)))),
        JsonValueKind.Array => new SettingList(path, place, [.. element.EnumerateArray().Select((item, index) =>
            Node(item, string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]"), place))]),
        JsonValueKind.String => new SettingText(path, place, element.GetString()!),
        _ => new SettingText(path, place, element.GetRawText()),
    };
}
