namespace Pipeline.Core.Symbolic;

/// <summary>The functions that are tried. Those that an affine map turns into another of the list are left out: a cosine is a sine, a sigmoid is a tanh.
/// The idea and most complexities are those of pykan (Liu et al. 2024, arXiv:2404.19756); a function with more free constants costs more here.</summary>
public static class SymbolicLibrary
{
    /// <summary>The only fit of what is the same everywhere.</summary>
    public static SymbolicCandidate Constant { get; } = new("constant", 0, _ => 0, "0", SearchSpace.One);

    public static IReadOnlyList<SymbolicCandidate> All { get; } =
    [
        new("x", 1, u => u, "{1}", SearchSpace.One) { Fold = k => new(1, 0, k.C * k.A, k.D + (k.C * k.B)) },
        new("x^2", 2, u => u * u, "{1}^2", SearchSpace.Anywhere, Parity: 1, Degree: 2),
        new("x^3", 3, u => u * u * u, "{1}^3", SearchSpace.Anywhere, Parity: -1, Degree: 3),
        new("x^4", 4, u => u * u * u * u, "{1}^4", SearchSpace.Anywhere, Parity: 1, Degree: 4),
        new("1/x", 2, u => 1 / u, "1/{1}", SearchSpace.Pole, Parity: -1, Degree: -1),
        new("1/x^2", 3, u => 1 / (u * u), "1/{1}^2", SearchSpace.Pole, Parity: 1, Degree: -2),
        new("sqrt", 2, Math.Sqrt, "sqrt({0})", SearchSpace.Side(end: true), Degree: 0.5),
        new("exp", 2, Math.Exp, "exp({0})", SearchSpace.Rate) { Fold = FoldExponential },
        new("log", 2, Math.Log, "log({0})", SearchSpace.Side(end: false)) { Fold = FoldLogarithm },
        new("abs", 3, Math.Abs, "|{0}|", SearchSpace.Inside, Parity: 1, Degree: 1),
        new("sin", 3, Math.Sin, "sin({0})", SearchSpace.Periodic) { Fold = FoldPeriods },
        new("tan", 4, Math.Tan, "tan({0})", SearchSpace.Branch, Parity: -1) { Fold = k => k with { B = Math.IEEERemainder(k.B, Math.PI) } },
        new("tanh", 3, Math.Tanh, "tanh({0})", SearchSpace.Step, Parity: -1),
        new("arctan", 4, Math.Atan, "arctan({0})", SearchSpace.Step, Parity: -1),
        new("gaussian", 4, u => Math.Exp(-u * u), "exp(-{1}^2)", SearchSpace.Step, Parity: 1),
    ];

    /// <summary>A shift is a factor, if there is such a number.</summary>
    private static SymbolicConstants FoldExponential(SymbolicConstants k) =>
        double.IsNormal(k.C * Math.Exp(k.B)) ? new(k.A, 0, k.C * Math.Exp(k.B), k.D) : k;

    /// <summary>A rate is an offset.</summary>
    private static SymbolicConstants FoldLogarithm(SymbolicConstants k)
    {
        var size = Math.Abs(k.A);
        return new(k.A / size, k.B / size, k.C, k.D + (k.C * Math.Log(size)));
    }

    /// <summary>The phase nearest to 0; half a period is a sign.</summary>
    private static SymbolicConstants FoldPeriods(SymbolicConstants k)
    {
        var halves = Math.Round(k.B / Math.PI);
        return new(k.A, k.B - (halves * Math.PI), Math.IEEERemainder(halves, 2) == 0 ? k.C : -k.C, k.D);
    }
}
