using System.Reflection;
using System.Text.Json;

namespace Pipeline.Core.Configuration;

/// <summary>How a record of settings looks in a file: a key for each parameter of its primary constructor.</summary>
internal static class RecordShape
{
    public static ConstructorInfo Constructor(Type record) =>
        record.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)
        ?? throw new ArgumentException($"{record} has no public constructor to bind settings to.", nameof(record));

    public static string Key(ParameterInfo parameter) => JsonNamingPolicy.KebabCaseLower.ConvertName(parameter.Name!);

    public static bool IsSection(Type type) => type.IsClass && type != typeof(string);
}
