using Pipeline.Core.Configuration;

namespace Pipeline.Core.Jobs;

/// <summary>Makes a job of a setting tree; <c>model.architecture</c> decides which keys <c>model</c> has.</summary>
public static class JobFileBinder
{
    /// <summary>A file with what the command line sets laid over it. Where that names another architecture, those of the file's keys of
    /// <c>model</c> are left out that the file's architecture has and the new one has not.</summary>
    /// <param name="overrides">A later one wins.</param>
    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static SettingObject Overlay(SettingObject file, IEnumerable<SettingObject> overrides, IReadOnlyDictionary<string, Type> architectures)
    {
        var whole = overrides.Aggregate(file, (below, over) => below.Overlay(over));
        var (before, after) = (KeysOf(file), KeysOf(whole));
        if (before is null || after is null)
        {
            return whole;
        }

        var model = (SettingObject)whole.Children["model"];
        var kept = model.Children.Where(child => child.Value.Place != file.Place || after.Contains(child.Key) || !before.Contains(child.Key));
        return new(whole.Path, whole.Place, whole.Children.Select(child => child.Key == "model"
            ? KeyValuePair.Create<string, SettingNode>("model", new SettingObject(model.Path, model.Place, kept))
            : child));

        HashSet<string>? KeysOf(SettingObject root) =>
            root.Children.GetValueOrDefault("model") is SettingObject section
            && section.Children.GetValueOrDefault("architecture") is SettingText name
            && architectures.TryGetValue(name.Text, out var record)
                ? [.. RecordShape.Constructor(record).GetParameters().Select(RecordShape.Key)]
                : null;
    }

    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static JobFile Bind(SettingObject root, IReadOnlyDictionary<string, Type> architectures)
    {
        var names = new AllowedWord([.. architectures.Keys.Order(StringComparer.Ordinal)]);
        return SettingsBinder.Bind<JobFile>(root, (declared, section) =>
            declared == typeof(ModelSettings) ? architectures[Architecture(section)] : declared);

        string Architecture(SettingObject model) => model.Children.TryGetValue("architecture", out var node)
            ? (string)names.Read(node)
            : throw new BadInputException($"{root.Place}: model.architecture is missing; it must be {names.Description}.");
    }
}
