namespace Pipeline.Core.Symbolic;

/// <summary>Of <c>y = C f(A x + B) + D</c>.</summary>
public readonly record struct SymbolicConstants(double A, double B, double C, double D);
