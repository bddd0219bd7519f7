using System.Reflection;

namespace Pipeline.Core.Configuration;

/// <summary>Makes an immutable record of a setting tree. What does not fit is refused with one sentence that names the
/// place, the key and what is allowed.</summary>
public sealed class SettingsBinder
{
    private readonly SettingObject root;
    private readonly Func<Type, SettingObject, Type> choose;

    private SettingsBinder(SettingObject root, Func<Type, SettingObject, Type> choose) => (this.root, this.choose) = (root, choose);

    /// <param name="choose">Picks the record to bind a section to, given the declared one: for a section whose keys depend
    /// on one of its values.</param>
    public static T Bind<T>(SettingObject root, Func<Type, SettingObject, Type>? choose = null) =>
        (T)new SettingsBinder(root, choose ?? ((declared, _) => declared)).Section(typeof(T), root);

    private object Section(Type declared, SettingNode node)
    {
        if (node is not SettingObject section)
        {
            throw node.Refusal($"must be a section, not {node.Description}");
        }
        var constructor = RecordShape.Constructor(choose(declared, section));
        var parameters = constructor.GetParameters();
        RefuseUnknownKeys(section, [.. parameters.Select(RecordShape.Key)]);
        var settings = constructor.Invoke([.. parameters.Select(parameter => Argument(parameter, section))]);
        if ((settings as ICheckedSettings)?.Problem() is { } problem)
        {
            throw new BadInputException($"{root.PlaceNamedIn(problem)}: {problem}.");
        }
        return settings;
    }

    private static void RefuseUnknownKeys(SettingObject section, IReadOnlyList<string> known)
    {
        foreach (var (key, node) in section.Children)
        {
            if (known.Contains(key, StringComparer.Ordinal))
            {
                continue;
            }
            var owner = section.Path.Length == 0 ? "" : $" of {section.Path}";
            throw EditDistance.Nearest(key, known) is { } nearest
                ? node.Refusal($"is not a key{owner}", nearest)
                : node.Refusal($"is not a key{owner}; allowed are {AllowedValue.And(known)}");
        }
    }

    private object? Argument(ParameterInfo parameter, SettingObject section)
    {
        var key = RecordShape.Key(parameter);
        var node = section.Children.GetValueOrDefault(key);
        if (RecordShape.IsSection(parameter.ParameterType))
        {
            return Section(parameter.ParameterType, node ?? new SettingObject(section.PathOf(key), section.Place, []));
        }
        var allowed = AllowedValue.Of(parameter);
        if (node is not null)
        {
            return allowed.Read(node);
        }
        return parameter.HasDefaultValue
            ? parameter.DefaultValue
            : throw new BadInputException($"{root.Place}: {section.PathOf(key)} is missing; it must be {allowed.Description}.");
    }
}
