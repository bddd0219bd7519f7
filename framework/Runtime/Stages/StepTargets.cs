namespace Pipeline.Runtime.Stages;

/// <summary>What the sums over a step's batch are divided by.</summary>
/// <param name="Count">Targets of a step that count.</param>
/// <param name="LossDivisor">Of the summed loss: the targets, or the sequences where the model's objective is over these.</param>
/// <param name="AreNumbers">Real ones, of a regression; else tokens.</param>
public readonly record struct StepTargets(long Count, long LossDivisor, bool AreNumbers);
