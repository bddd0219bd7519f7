namespace Pipeline.Core.Optimization;

/// <summary>What all stages do with their parts of the vectors when a step of <see cref="Lbfgs"/> ends.</summary>
/// <param name="Taken">The length at which a line search has ended: the step and the change of the gradient become the newest pair, and the oldest is
/// dropped. Null: there is no new pair.</param>
/// <param name="Coefficients">Of the new direction: of the pairs' steps, oldest first, then of their changes, then of the gradient. The line begins where the
/// parameters are. Null: it stays the line that it was.</param>
/// <param name="Length">Where on the line the parameters go.</param>
public sealed record LbfgsMove(double? Taken, IReadOnlyList<double>? Coefficients, double Length);
