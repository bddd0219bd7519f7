using System.Reflection;

namespace Pipeline.Core.Configuration;

/// <summary>The values that a parameter of a record takes: in words, and read from a file.</summary>
internal abstract class AllowedValue
{
    /// <summary>To stand after "must be".</summary>
    public abstract string Description { get; }

    public abstract object Read(SettingNode node);

    public static AllowedValue Of(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        var limits = parameter.GetCustomAttribute<LimitsAttribute>() ?? new LimitsAttribute(double.NegativeInfinity);
        var oneOf = parameter.GetCustomAttribute<OneOfAttribute>();
        var words = oneOf?.Words;
        if (type == typeof(string))
        {
            return oneOf is WordOrPathAttribute ? new AllowedWordOrPath(oneOf.Words) : words is null ? new AllowedText() : new AllowedWord(words);
        }

        if (type == typeof(bool))
        {
            return new AllowedSwitch();
        }

        if (type == typeof(double))
        {
            return new AllowedNumber(limits);
        }

        if (type == typeof(int))
        {
            return new AllowedWholeNumber<int>(limits);
        }

        if (type == typeof(long))
        {
            return new AllowedWholeNumber<long>(limits);
        }

        if (type == typeof(IReadOnlyList<string>))
        {
            return new AllowedList<string>(words is null ? new AllowedText() : new AllowedWord(words));
        }

        if (type == typeof(IReadOnlyList<int>))
        {
            return new AllowedList<int>(new AllowedWholeNumber<int>(limits));
        }

        if (type == typeof(IReadOnlyList<double>))
        {
            return new AllowedList<double>(new AllowedNumber(limits));
        }

        throw new ArgumentException($"Settings of type {type} cannot be read from a file.", nameof(parameter));
    }

    /// <summary>a, b and c.</summary>
    public static string And(IReadOnlyList<string> words) => Join(words, "and");

    /// <summary>a, b or c.</summary>
    protected static string Or(IReadOnlyList<string> words) => Join(words, "or");

    protected BadInputException Refusal(SettingNode node, string? suggestion = null) =>
        node.Refusal($"must be {Description}, not {node.Description}", suggestion);

    protected string Text(SettingNode node) => node is SettingText text ? text.Text : throw Refusal(node);

    private static string Join(IReadOnlyList<string> words, string last) =>
        words.Count < 2 ? string.Concat(words) : $"{string.Join(", ", words.SkipLast(1))} {last} {words[^1]}";
}
