using Pipeline.Core.Jobs;

namespace Pipeline.Core.Optimization;

/// <summary>Linear warm-up, then a cosine to the minimum, which stays (Loshchilov and Hutter 2017, arXiv:1608.03983; as in nanoGPT).
/// A function of the step alone: there is no state to save. L-BFGS has no schedule.</summary>
public static class LearningRate
{
    /// <param name="step">Counted from 1.</param>
    public static double At(OptimizerSettings settings, long step)
    {
        if (settings.IsLbfgs)
        {
            return settings.LearningRate;
        }

        if (step <= settings.WarmupSteps)
        {
            return settings.LearningRate * step / settings.WarmupSteps;
        }

        if (step > settings.DecaySteps)
        {
            return settings.MinLearningRate;
        }

        var progress = (double)(step - 1 - settings.WarmupSteps) / Math.Max(1, settings.DecaySteps - settings.WarmupSteps);
        return settings.MinLearningRate
            + (0.5 * (1 + Math.Cos(Math.PI * progress)) * (settings.LearningRate - settings.MinLearningRate));
    }
}
