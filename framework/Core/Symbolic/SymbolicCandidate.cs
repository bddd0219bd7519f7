using System.Globalization;

namespace Pipeline.Core.Symbolic;

/// <summary>A function <c>f</c> of which <c>y = c f(a x + b) + d</c> is tried.</summary>
/// <param name="Complexity">A unit more must halve what a fit leaves unexplained.</param>
/// <param name="Form">How it is written: <c>{0}</c> is the argument, <c>{1}</c> the argument in parentheses if it needs them.</param>
/// <param name="Space">Where <c>a</c> and <c>b</c> are looked for.</param>
/// <param name="Parity">1: even; -1: odd; 0: neither.</param>
/// <param name="Degree">n, where <c>f(k u) = k^n f(u)</c> for each positive k.</param>
public sealed record SymbolicCandidate(
    string Name, int Complexity, Func<double, double> Function, string Form, SearchSpace Space, int Parity = 0, double? Degree = null)
{
    /// <summary>Takes one of the constants that give the same function: that which is read most easily.</summary>
    internal Func<SymbolicConstants, SymbolicConstants>? Fold { get; init; }

    internal SymbolicConstants Simplify(SymbolicConstants constants)
    {
        var (a, b, c, d) = constants;
        if (Parity != 0 && a < 0)
        {
            (a, b, c) = (-a, -b, Parity * c);
        }

        if (Degree is { } degree)
        {
            var size = Math.Abs(a);
            (a, b, c) = (a / size, b / size, c * Math.Pow(size, degree));
        }

        return Fold is null ? new(a, b, c, d) : Fold(new(a, b, c, d));
    }

    /// <param name="argument">A variable or an expression.</param>
    internal string Write(string argument) => string.Format(CultureInfo.InvariantCulture, Form, argument, Factor(argument));

    /// <summary>An expression as it may be multiplied or raised to a power.</summary>
    internal static string Factor(string expression) => expression.All(char.IsAsciiLetterOrDigit) ? expression : $"({expression})";
}
