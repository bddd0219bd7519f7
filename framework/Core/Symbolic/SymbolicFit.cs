using System.Globalization;

namespace Pipeline.Core.Symbolic;

/// <summary>A candidate, fitted.</summary>
/// <param name="R2">The coefficient of determination: 1 less the share of y's variance that is left.</param>
/// <param name="Radius">Half the range of x that it was fitted on.</param>
/// <param name="Deviation">Standard deviation of y.</param>
public sealed record SymbolicFit(SymbolicCandidate Candidate, SymbolicConstants Constants, double R2, double Radius, double Deviation)
{
    /// <summary>Of what is a smaller share of what it is added to, a formula says nothing.</summary>
    private const double Negligible = 5e-4;

    /// <summary>Of fits that leave less than this, the simplest is the best.</summary>
    private const double Exact = 1e-6;

    /// <summary>With constants of four digits, such as <c>0.5*sin(3.142*x) + 1.25</c>.</summary>
    public string Formula => Write("x");

    /// <summary>Smaller is better: doublings of what is left unexplained, and the candidate's complexity.</summary>
    internal double Score => Math.Log2(1 - R2 + Exact) + Candidate.Complexity;

    public double At(double x) => (Constants.C * Candidate.Function((Constants.A * x) + Constants.B)) + Constants.D;

    /// <summary><see cref="Formula"/> of another variable, or of an expression.</summary>
    public string Write(string variable)
    {
        var (a, b, c, d) = Constants;
        if (Candidate == SymbolicLibrary.Constant)
        {
            return Number(d);
        }

        var argument = Sum(a == 1 ? variable : Product(a, SymbolicCandidate.Factor(variable)), Math.Abs(b) < Negligible * Math.Abs(a) * Radius ? 0 : b);
        return Sum(Product(c, Candidate.Write(argument)), Math.Abs(d) < Negligible * Deviation ? 0 : d);
    }

    private static string Product(double factor, string text) => Number(factor) switch
    {
        "1" => text,
        "-1" => $"-{text}",
        var number when text.StartsWith("1/", StringComparison.Ordinal) => $"{number}{text[1..]}",
        var number => $"{number}*{text}",
    };

    private static string Sum(string text, double addend) => addend switch
    {
        0 => text,
        < 0 => $"{text} - {Number(-addend)}",
        _ => $"{text} + {Number(addend)}",
    };

    private static string Number(double value) =>
        (value + 0.0).ToString("G4", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal);
}
