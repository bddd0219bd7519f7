namespace Pipeline.Runtime.TensorPlane;

/// <summary>Which two workers of which run a link joins. Who does not know the run's secret gets no link.</summary>
/// <param name="Run">The run's secret, drawn at random for each.</param>
/// <param name="Epoch">Links of an older epoch are refused.</param>
/// <param name="Dialler">The worker that opens the connection: the one with the lower number.</param>
/// <param name="Listener">The worker that it is opened to.</param>
internal readonly record struct LinkName(Guid Run, long Epoch, int Dialler, int Listener)
{
    /// <summary>Instead of a worker's number: the coordinator, which has a link to each process for control messages, and to see at once when it is gone.</summary>
    public const int Coordinator = -1;
}
