namespace Pipeline.Runtime.Stages;

/// <summary>How good a model is on some batches.</summary>
/// <param name="Loss">Mean over the targets; over the sequences where the objective is.</param>
/// <param name="Accuracy">The share of targets predicted right; null where that is not counted.</param>
/// <param name="SequenceAccuracy">The share of sequences all of whose targets are.</param>
/// <param name="Rmse">The root of the mean squared error over the targets of a regression; null on tokens, and where it is not a finite number.</param>
public readonly record struct Measurement(double Loss, double? Accuracy, double? SequenceAccuracy, double? Rmse)
{
    /// <summary>Null where it is not a finite number, which JSON has not.</summary>
    public double? FiniteLoss => double.IsFinite(Loss) ? Loss : null;

    /// <param name="batches">Whole batches that the result is of.</param>
    public static Measurement Of(StepTargets targets, PassResult result, int batches = 1)
    {
        var error = Math.Sqrt(result.Loss / (targets.Count * batches));
        return new(
            result.Loss / (targets.LossDivisor * batches),
            result.Accuracy,
            result.SequenceAccuracy,
            targets.AreNumbers && double.IsFinite(error) ? error : null);
    }
}
