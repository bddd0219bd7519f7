namespace Pipeline.Stages.Kan;

/// <summary>A function that a <see cref="GroupRational"/> starts as.</summary>
/// <param name="Numerator">a_0 to a_5.</param>
/// <param name="Denominator">b_1 to b_4.</param>
public sealed record RationalStart(IReadOnlyList<double> Numerator, IReadOnlyList<double> Denominator);
