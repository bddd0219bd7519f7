namespace Pipeline.Runtime.Replicas;

/// <summary>Who sends which shard when, in a ring of replicas in which each sends to the next (Patarasuk and Yuan 2009, "Bandwidth optimal
/// all-reduce algorithms for clusters of workstations"). First every shard travels once around while each replica adds its own part: it ends,
/// summed, at the replica of its number (reduce-scatter). Then it travels around again, whole (all-gather). Each way takes one hop less than
/// there are replicas. The order of additions follows from the shard's number alone.</summary>
/// <param name="Replica">Whose view this is.</param>
internal readonly record struct Ring(int Replicas, int Replica)
{
    /// <summary>Of each of the two ways.</summary>
    public int Hops => Replicas - 1;

    /// <summary>The shard that this replica sends in a hop of the sum's way; in the hop before, it received it.</summary>
    public int SentInSum(int hop) => Modulo(Replica - 1 - hop);

    public int ReceivedInSum(int hop) => SentInSum(hop + 1);

    /// <summary>The shard that this replica receives in a hop of the second way.</summary>
    public int Received(int hop) => Modulo(Replica - 1 - hop);

    /// <summary>A frame's number among those of a stage and a step.</summary>
    /// <param name="hop">Those of the second way come behind those of the first.</param>
    public int Index(int bucket, int hop) => checked((bucket * 2 * Hops) + hop);

    private int Modulo(int shard) => ((shard % Replicas) + Replicas) % Replicas;
}
