namespace Pipeline.Runtime.Runs;

/// <summary>Sees a run as it goes. Called on the coordinator's thread: must return at once.</summary>
public interface IRunObserver
{
    void Step(StepMetrics metrics);

    void Event(RunEvent happened);

    /// <summary>All stages stand at the beginning of an epoch: the processes know by now what another coordinator would need.</summary>
    void Began()
    {
    }
}
