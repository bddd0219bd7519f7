namespace Pipeline.Core.Optimization;

/// <summary>Watches the losses of a run and tells when one leaps up. A loss is a spike when it is above
/// <c>m + max(8 * 1.4826 * d, 0.1 * |m|)</c>, where m is the median of the last 50 finite losses before it and d the median of their distances
/// from m. 1.4826 d estimates the standard deviation of normal noise and, unlike it, does not grow with a few wild losses; a rise of less than a
/// tenth is none however calm the run has been, nor is what a loss among these 50 reached that was no spike itself. Before there are 20 losses nothing is said, nor is it said twice of losses in a row.</summary>
public sealed class LossSpikes
{
    private const int Window = 50;
    private const int Fewest = 20;
    private const double Deviations = 8;
    private const double NormalDeviations = 1.4826;
    private const double LeastRise = 0.1;

    private readonly List<(long Step, double Loss, bool IsHigh)> recent = [];
    private long told;

    /// <summary>Adds the loss of a step. Where steps are run again after the run went back, what was added from there on is taken away.</summary>
    /// <returns>The median that the loss leaps from; null where it is no spike, one was told of the step before, or the step was reached before.</returns>
    public double? Add(long step, double loss)
    {
        recent.RemoveAll(entry => entry.Step >= step);
        if (!double.IsFinite(loss))
        {
            return null;
        }

        var leapt = recent.Count >= Fewest && Leap(loss) is { } median ? median : (double?)null;
        var isNew = leapt is not null && !recent[^1].IsHigh && step > told;
        recent.Add((step, loss, leapt is not null));
        if (recent.Count > Window)
        {
            recent.RemoveAt(0);
        }

        told = isNew ? step : told;
        return isNew ? leapt : null;
    }

    private double? Leap(double loss)
    {
        var median = Median(recent.Select(entry => entry.Loss));
        var deviation = NormalDeviations * Median(recent.Select(entry => Math.Abs(entry.Loss - median)));
        return loss > median + Math.Max(Deviations * deviation, LeastRise * Math.Abs(median)) && !recent.Any(entry => !entry.IsHigh && entry.Loss >= loss)
            ? median
            : null;
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return (ordered[(ordered.Length - 1) / 2] + ordered[ordered.Length / 2]) / 2;
    }
}
