using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Cluster;

/// <summary>Shows a run that goes on elsewhere. Called by one thread at a time; must return at once.</summary>
public interface IRunScreen : IRunObserver
{
    /// <summary>The run goes on: it has begun, or was found again.</summary>
    /// <param name="recent">The newest steps, all but the last without their stages; none at the beginning.</param>
    void Show(RunPlan plan, IReadOnlyList<StepMetrics> recent);

    /// <summary>Something about the connection to it.</summary>
    void Say(string sentence);
}
