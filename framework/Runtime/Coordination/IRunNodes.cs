using Akka.Actor;

namespace Pipeline.Runtime.Coordination;

/// <summary>Finds processes that a run can have beside those it began with.</summary>
internal interface IRunNodes
{
    /// <summary>From here to its end an actor gets <see cref="NodesChanged"/> when there may be more to find.</summary>
    void Watch(IActorContext observer);

    /// <summary>Has a node whose devices are free prepare the run.</summary>
    /// <param name="number">That it gets in the run.</param>
    /// <param name="known">Those that the run has.</param>
    /// <returns>Null where there is none.</returns>
    /// <exception cref="Core.BadInputException">One refuses, which is not asked again; there may be others.</exception>
    Task<PreparedHost?> FindAsync(int number, IReadOnlyList<IActorRef> known);

    /// <summary>A process of the run is gone.</summary>
    void Expel(IActorRef lost);
}

internal sealed class NodesChanged
{
    public static readonly NodesChanged Instance = new();
}
