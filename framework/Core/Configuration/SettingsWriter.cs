using System.Collections;
using System.Globalization;
using System.Text;

namespace Pipeline.Core.Configuration;

/// <summary>The inverse of <see cref="SettingsBinder"/>: a record as HOCON with every key, which binds to an equal record.</summary>
public static class SettingsWriter
{
    public static string Write(object settings)
    {
        var text = new StringBuilder();
        WriteEntries(text, settings, indent: "");
        return text.ToString();
    }

    private static void WriteEntries(StringBuilder text, object settings, string indent)
    {
        foreach (var parameter in RecordShape.Constructor(settings.GetType()).GetParameters())
        {
            var value = settings.GetType().GetProperty(parameter.Name!)!.GetValue(settings);
            if (value is null)
            {
                continue;
            }

            text.Append(indent).Append(RecordShape.Key(parameter));
            if (RecordShape.IsSection(parameter.ParameterType))
            {
                text.Append(" {\n");
                WriteEntries(text, value, indent + "  ");
                text.Append(indent).Append("}\n");
            }
            else
            {
                text.Append(" = ").Append(Value(value)).Append('\n');
            }
        }
    }

    private static string Value(object value) => value switch
    {
        string text => QuotedText.Of(text),
        bool flag => flag ? "true" : "false",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Value))}]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
