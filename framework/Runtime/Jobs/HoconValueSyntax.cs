using System.Text;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Jobs;

/// <summary>Checks single values: quoted text, text without quotes, substitutions, and these joined.</summary>
/// <param name="plain">Where what was checked goes.</param>
internal sealed class HoconValueSyntax(HoconText text, HoconKeys keys, StringBuilder plain)
{
    // HOCON forbids + too, but a number may have one: 1e+3.
    private const string Special = "$\":=`^?!@*&\\{[";

    public void Text(string path)
    {
        var start = plain.Length;
        do
        {
            if (text.At("${"))
            {
                Substitution(path);
            }
            if (text.Next == '"')
            {
                Quoted();
            }
            else if (!text.At("${"))
            {
                Unquoted();
            }
        }
        while (text.At("${"));
        switch (plain.ToString(start, plain.Length - start))
        {
            case "":
                throw text.Error($"{path} has no value");
            case "null":
                throw text.Error("null is not allowed; leave the key out");
        }
    }

    private void Substitution(string path)
    {
        text.Take();
        text.Take();
        var target = text.TakeWhile(character => HoconText.IsWord(character) || character == '.');
        if (target.Length == 0 || !text.TryTake('}'))
        {
            throw text.Error("a substitution must be written as ${KEY}, such as ${job.name}");
        }
        keys.AddSubstitution(path, target);
        plain.Append("${").Append(target).Append('}');
    }

    private void Unquoted()
    {
        var value = text.TakeWhile(character =>
            character is not (',' or ']' or '}') && !text.AtComment && !Special.Contains(character, StringComparison.Ordinal)
            && (character is ' ' or '\t' || !(char.IsWhiteSpace(character) || char.IsControl(character))));
        plain.Append(text.At("${") ? value : value.TrimEnd());
        var glued = value.Length > 0 && !char.IsWhiteSpace(value[^1]);
        if (text.AtEnd || text.Next is '\n' or ',' or ']' or '}' or '#' || (text.At("//") && !glued) || text.At("${"))
        {
            return;
        }
        if (char.IsControl(text.Next))
        {
            throw text.Error($"the character {QuotedText.Of(text.Next.ToString())} is not allowed");
        }
        // What looks like a second key: "b = 1 c = 2".
        var words = value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 1 && text.Next is '=' or ':' or '{')
        {
            throw text.Error($"a comma or a new line is missing before {QuotedText.Of(QuotedText.Shorten(words[^1]))}");
        }
        throw text.Error($"text with {(text.At("//") ? "//" : text.Next.ToString())} must be in quotes");
    }

    private void Quoted()
    {
        var opened = text.Line;
        if (text.At("\"\"\""))
        {
            throw text.Error("\"\"\" is not allowed; use \" and the escape \\n for a new line");
        }
        plain.Append(text.Take());
        while (text.Next != '"')
        {
            if (text.AtEnd || text.Next == '\n')
            {
                throw text.Error(opened, "the text that \" opens here is never closed");
            }
            if (text.Next == '\\')
            {
                Escape();
            }
            else
            {
                plain.Append(text.Take());
            }
        }
        plain.Append(text.Take());
    }

    private void Escape()
    {
        plain.Append(text.Take());
        if (text.AtEnd || !"\"\\/bfnrtu".Contains(text.Next, StringComparison.Ordinal))
        {
            throw text.Error("after \\ in quotes only \" \\ / b f n r t and uXXXX are allowed");
        }
        var digits = text.Next == 'u' ? 4 : 0;
        for (plain.Append(text.Take()); digits > 0; digits--)
        {
            plain.Append(char.IsAsciiHexDigit(text.Next)
                ? text.Take()
                : throw text.Error("after \\u in quotes four hexadecimal digits are needed"));
        }
    }
}
