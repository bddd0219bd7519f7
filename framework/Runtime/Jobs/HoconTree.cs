using System.Globalization;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Jobs;

/// <summary>The tree that Akka makes of HOCON, as settings.</summary>
internal static class HoconTree
{
    /// <param name="plain">Text that <see cref="HoconSyntax"/> has passed: Akka may not return from other text.</param>
    /// <param name="place">Where the user wrote it.</param>
    public static SettingObject Read(string plain, string place) => Read(plain, place, _ => place);

    /// <param name="place">Where the user wrote it, as a whole.</param>
    /// <param name="placeOf">The same for the value of a key.</param>
    public static SettingObject Read(string plain, string place, Func<string, string> placeOf)
    {
        try
        {
            return Section(ConfigurationFactory.ParseString(plain).Root.GetObject(), "", place, placeOf);
        }
        catch (Exception problem) when (problem is not BadInputException)
        {
            var message = problem.Message.ReplaceLineEndings(" ").TrimEnd('.');
            throw new BadInputException($"{place}: this cannot be read as HOCON: {message}.", problem);
        }
    }

    private static SettingObject Section(HoconObject section, string path, string place, Func<string, string> placeOf)
    {
        var prefix = path.Length == 0 ? "" : $"{path}.";
        return new SettingObject(path, place, section.Items.Select(item =>
            KeyValuePair.Create(item.Key, Node(item.Value, prefix + item.Key, placeOf(prefix + item.Key), placeOf))));
    }

    private static SettingNode Node(HoconValue value, string path, string place, Func<string, string> placeOf)
    {
        IReadOnlyList<IHoconElement> parts = [.. value.Values.SelectMany(Parts)];
        return parts switch
        {
            [HoconObject section] => Section(section, path, place, placeOf),
            [HoconArray list] => new SettingList(path, place,
                [.. list.Select((item, index) => Node(item, string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]"), place, placeOf))]),
            // Not GetString of the whole, which trims quoted text and takes "null" for null.
            _ when parts.All(part => part is HoconLiteral) =>
                new SettingText(path, place, string.Concat(parts.Select(part => part.GetString()))),
            _ => throw new BadInputException($"{place}: {path} joins a list with text; a list must stand alone."),
        };
    }

    private static IEnumerable<IHoconElement> Parts(IHoconElement element) =>
        element is HoconSubstitution substitution ? substitution.ResolvedValue.Values : [element];
}
