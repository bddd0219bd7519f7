using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Jobs;

/// <summary>The text being checked, with a position and its line.</summary>
/// <param name="where">The place of a line, to begin a sentence with.</param>
internal sealed class HoconText(string text, Func<int, string> where)
{
    private readonly string text = text.TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
    private int position;

    public int Line { get; private set; } = 1;

    public bool AtEnd => position == text.Length;

    /// <summary>The next character; NUL at the end.</summary>
    public char Next => AtEnd ? '\0' : text[position];

    public bool AtComment => Next == '#' || At("//");

    public bool At(string word) => string.CompareOrdinal(text, position, word, 0, word.Length) == 0;

    public char Take()
    {
        var character = text[position++];
        if (character == '\n')
        {
            Line++;
        }
        return character;
    }

    public bool TryTake(char character)
    {
        if (AtEnd || Next != character)
        {
            return false;
        }
        Take();
        return true;
    }

    public string TakeWhile(Func<char, bool> belongs)
    {
        var start = position;
        while (!AtEnd && belongs(Next))
        {
            Take();
        }
        return text[start..position];
    }

    /// <summary>Skips spaces, comments and line ends; says whether a line ended.</summary>
    public bool SkipBlank()
    {
        var before = Line;
        TakeWhile(char.IsWhiteSpace);
        while (AtComment)
        {
            TakeWhile(character => character != '\n');
            TakeWhile(char.IsWhiteSpace);
        }
        return Line != before;
    }

    /// <summary>The coming word, quoted, to name it in a sentence.</summary>
    public string NextWord()
    {
        var end = position + 1;
        while (end < text.Length && IsWord(Next) && IsWord(text[end]))
        {
            end++;
        }
        return AtEnd ? "the end" : QuotedText.Of(QuotedText.Shorten(text[position..end]));
    }

    public static bool IsWord(char character) => char.IsLetterOrDigit(character) || character is '-' or '_';

    public BadInputException Error(string problem) => Error(Line, problem);

    public BadInputException Error(int line, string problem) => new($"{where(line)}: {problem}.");
}
