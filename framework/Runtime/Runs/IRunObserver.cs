namespace Pipeline.Runtime.Runs;

/// <summary>Sees a run as it goes. Called on the coordinator's thread: must return at once.</summary>
public interface IRunObserver
{
    void Step(StepMetrics metrics);

    void Event(RunEvent happened);
}
