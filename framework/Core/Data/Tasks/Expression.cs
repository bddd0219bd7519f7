using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Reads an expression of <c>+ - * / ^</c>, parentheses, functions, <c>pi</c>, <c>e</c> and variables <c>x1</c>, <c>x2</c>, ...
/// <c>^</c> binds before a sign and from right to left: <c>-x1^2^3</c> is <c>-(x1^(2^3))</c>.</summary>
internal ref struct Expression
{
    private const int MostNested = 100;

    private static readonly Dictionary<string, Func<double, double>> Functions = new(StringComparer.Ordinal)
    {
        ["sin"] = Math.Sin,
        ["cos"] = Math.Cos,
        ["exp"] = Math.Exp,
        ["log"] = Math.Log,
        ["sqrt"] = Math.Sqrt,
        ["tanh"] = Math.Tanh,
        ["abs"] = Math.Abs,
    };

    private static readonly Dictionary<string, double> Constants = new(StringComparer.Ordinal) { ["pi"] = Math.PI, ["e"] = Math.E };

    private readonly ReadOnlySpan<char> text;
    private readonly int inputs;
    private int at;
    private int depth;

    private Expression(ReadOnlySpan<char> text, int inputs)
    {
        this.text = text;
        this.inputs = inputs;
    }

    /// <param name="inputs">How many variables there are.</param>
    /// <returns>The function of the variables' values; or what is wrong with the expression and at which column, to follow the key.</returns>
    public static (Func<double[], double>? Value, string? Problem) Parse(string text, int inputs)
    {
        try
        {
            var expression = new Expression(text, inputs);
            var value = expression.Sum();
            return expression.Peek() == '\0' ? (value, null) : throw expression.Refusal("an operator must stand");
        }
        catch (FormatException problem)
        {
            return (null, $"{QuotedText.Of(QuotedText.Shorten(text))}: {problem.Message}");
        }
    }

    private Func<double[], double> Sum()
    {
        if (++depth > MostNested)
        {
            throw Refusal($"parentheses must not be more than {MostNested} deep");
        }

        var sum = Product();
        while (Peek() is '+' or '-')
        {
            var (minus, left) = (text[at++] == '-', sum);
            var right = Product();
            sum = minus ? x => left(x) - right(x) : x => left(x) + right(x);
        }

        depth--;
        return sum;
    }

    private Func<double[], double> Product()
    {
        var product = Signed();
        while (Peek() is '*' or '/')
        {
            var (over, left) = (text[at++] == '/', product);
            var right = Signed();
            product = over ? x => left(x) / right(x) : x => left(x) * right(x);
        }

        return product;
    }

    private Func<double[], double> Signed()
    {
        var minus = false;
        while (Peek() is '-' or '+')
        {
            minus ^= text[at++] == '-';
        }

        var power = Power();
        return minus ? x => -power(x) : power;
    }

    private Func<double[], double> Power()
    {
        var left = Atom();
        if (Peek() != '^')
        {
            return left;
        }

        at++;
        if (++depth > MostNested)
        {
            throw Refusal($"powers must not be more than {MostNested} deep");
        }

        var right = Signed();
        depth--;
        return x => Math.Pow(left(x), right(x));
    }

    private Func<double[], double> Atom()
    {
        var next = Peek();
        if (next == '(')
        {
            return Parenthesis();
        }

        if (char.IsAsciiDigit(next) || next == '.')
        {
            return Number();
        }

        var start = at;
        while (at < text.Length && char.IsAsciiLetterOrDigit(text[at]))
        {
            at++;
        }

        var word = text[start..at].ToString();
        if (Functions.TryGetValue(word, out var function))
        {
            var argument = Peek() == '(' ? Parenthesis() : throw Refusal($"( must stand after {word}");
            return x => function(argument(x));
        }

        if (Constants.TryGetValue(word, out var constant))
        {
            return _ => constant;
        }

        if (word.StartsWith('x') && int.TryParse(word.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= inputs)
        {
            return x => x[number - 1];
        }

        at = start;
        throw Refusal($"a number, {(inputs == 1 ? "x1" : $"x1 to x{inputs}")}, pi, e, {string.Join(", ", Functions.Keys)} or ( must stand");
    }

    private Func<double[], double> Parenthesis()
    {
        at++;
        var inside = Sum();
        if (Peek() != ')')
        {
            throw Refusal("an operator or ) must stand");
        }

        at++;
        return inside;
    }

    private Func<double[], double> Number()
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.' || IsExponent(start)))
        {
            at++;
        }

        if (double.TryParse(text[start..at], NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var value)
            && double.IsFinite(value))
        {
            return _ => value;
        }

        at = start;
        throw Refusal("a number must stand");
    }

    /// <summary>The e of 1e5 or the sign of 1e-5; the e of 2*e is none.</summary>
    private readonly bool IsExponent(int start) => text[at] switch
    {
        'e' or 'E' => at > start && at + 1 < text.Length && (char.IsAsciiDigit(text[at + 1]) || text[at + 1] is '+' or '-'),
        '+' or '-' => at > start && text[at - 1] is 'e' or 'E',
        _ => false,
    };

    /// <summary>The next character that is not a space; 0 at the end.</summary>
    private char Peek()
    {
        while (at < text.Length && text[at] == ' ')
        {
            at++;
        }

        return at < text.Length ? text[at] : '\0';
    }

    private readonly FormatException Refusal(string allowed) => new(string.Create(
        CultureInfo.InvariantCulture, $"{allowed} at column {at + 1}, {(at < text.Length ? $"not {QuotedText.Of(text[at].ToString())}" : "where it ends")}"));
}
