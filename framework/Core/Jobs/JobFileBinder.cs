using Pipeline.Core.Configuration;

namespace Pipeline.Core.Jobs;

/// <summary>Makes a job of a setting tree; <c>model.architecture</c> decides which keys <c>model</c> has, and <c>data.kind</c> which <c>data</c> has.</summary>
public static class JobFileBinder
{
    /// <summary>A file with what the command line sets laid over it. Where that names another architecture, those of the file's keys of
    /// <c>model</c> are left out that the file's architecture has and the new one has not; another kind of data likewise.</summary>
    /// <param name="overrides">A later one wins.</param>
    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static SettingObject Overlay(SettingObject file, IEnumerable<SettingObject> overrides, IReadOnlyDictionary<string, Type> architectures)
    {
        var whole = overrides.Aggregate(file, (below, over) => below.Overlay(over));
        return Choices(architectures).Aggregate(whole, (now, choice) => choice.WithoutOldKeys(file, now));
    }

    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static JobFile Bind(SettingObject root, IReadOnlyDictionary<string, Type> architectures) => SettingsBinder.Bind<JobFile>(
        root, (declared, section) => Choices(architectures).FirstOrDefault(choice => choice.Declared == declared)?.RecordOf(root, section) ?? declared);

    private static SectionChoice[] Choices(IReadOnlyDictionary<string, Type> architectures) =>
    [
        new(typeof(ModelSettings), "model", "architecture", null, architectures),
        new(typeof(DataSettings), "data", "kind", DataKinds.Text, DataKinds.All),
    ];
}
