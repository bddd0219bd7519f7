using System.Globalization;
using System.Text;

namespace Pipeline.Core.Configuration;

/// <summary>Text between quotes, as HOCON and JSON write it.</summary>
public static class QuotedText
{
    private const int LongestShown = 60;

    public static string Of(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 2);
        foreach (var character in text)
        {
            quoted.Append(character switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                // Half a surrogate pair could not be stored as UTF-8.
                _ when char.IsControl(character) || char.IsSurrogate(character) =>
                    string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => character.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>As much of a text as fits a sentence.</summary>
    public static string Shorten(string text) => text.Length <= LongestShown ? text : $"{text[..LongestShown]}...";
}
