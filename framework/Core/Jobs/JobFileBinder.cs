using Pipeline.Core.Configuration;

namespace Pipeline.Core.Jobs;

/// <summary>Makes a job of a setting tree; <c>model.architecture</c> decides which keys <c>model</c> has.</summary>
public static class JobFileBinder
{
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
