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

    /// <summary>Instead of a worker's number: a process of the run, for what does not belong to a worker.</summary>
    /// <param name="number">The process's, from 0.</param>
    public static int OfHost(int number) => -2 - number;

    /// <summary>Who stands behind a number of a link's name.</summary>
    /// <param name="begins">A sentence begins with it.</param>
    public static string Describe(int number, bool begins = false) => number switch
    {
        >= 0 => $"{(begins ? "W" : "w")}orker {number}",
        Coordinator => $"{(begins ? "T" : "t")}he coordinator",
        _ => $"{(begins ? "P" : "p")}rocess {-2 - number}",
    };
}
