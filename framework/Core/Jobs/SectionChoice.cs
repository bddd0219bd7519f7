using Pipeline.Core.Configuration;

namespace Pipeline.Core.Jobs;

/// <summary>A section of the job whose keys depend on the value of one of them.</summary>
/// <param name="Declared">What the records for the section derive from.</param>
/// <param name="Section">Its name.</param>
/// <param name="Key">The key that decides.</param>
/// <param name="Default">Its value where it is not given; null where it must be.</param>
/// <param name="Records">The record of settings for each value.</param>
internal sealed record SectionChoice(Type Declared, string Section, string Key, string? Default, IReadOnlyDictionary<string, Type> Records)
{
    /// <summary>The record that a section is bound to.</summary>
    public Type RecordOf(SettingObject root, SettingObject section)
    {
        var names = new AllowedWord([.. Records.Keys.Order(StringComparer.Ordinal)]);
        var name = section.Children.TryGetValue(Key, out var node) ? (string)names.Read(node) : Default;
        return Records[name ?? throw new BadInputException($"{root.Place}: {section.PathOf(Key)} is missing; it must be {names.Description}.")];
    }

    /// <summary>Leaves those of the file's keys out that its own record has and the record chosen above it has not.</summary>
    public SettingObject WithoutOldKeys(SettingObject file, SettingObject whole)
    {
        var (before, after) = (KeysOf(file), KeysOf(whole));
        if (before is null || after is null)
        {
            return whole;
        }

        var section = (SettingObject)whole.Children[Section];
        var kept = section.Children.Where(child => child.Value.Place != file.Place || after.Contains(child.Key) || !before.Contains(child.Key));
        return new(whole.Path, whole.Place, whole.Children.Select(child => child.Key == Section
            ? KeyValuePair.Create<string, SettingNode>(Section, new SettingObject(section.Path, section.Place, kept))
            : child));
    }

    private HashSet<string>? KeysOf(SettingObject root)
    {
        if (root.Children.GetValueOrDefault(Section) is not SettingObject section)
        {
            return null;
        }

        var name = section.Children.TryGetValue(Key, out var node) ? (node as SettingText)?.Text : Default;
        return name is not null && Records.TryGetValue(name, out var record)
            ? [.. RecordShape.Constructor(record).GetParameters().Select(RecordShape.Key)]
            : null;
    }
}
