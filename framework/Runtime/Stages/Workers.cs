namespace Pipeline.Runtime.Stages;

/// <summary>The stage actors of a run: one for each rank of each replica, numbered rank by rank and replica after replica.</summary>
/// <param name="Ranks">Of the schedule.</param>
public readonly record struct Workers(int Ranks, int Replicas)
{
    public int Count => Ranks * Replicas;

    public int Of(int replica, int rank) => (replica * Ranks) + rank;

    public int RankOf(int worker) => worker % Ranks;

    public int ReplicaOf(int worker) => worker / Ranks;

    /// <summary>The same rank of the next replica, in a ring.</summary>
    public int Next(int worker) => Of((ReplicaOf(worker) + 1) % Replicas, RankOf(worker));

    /// <summary>The worker's part of a checkpoint.</summary>
    public string FileOf(int worker) => $"stage-{RankOf(worker)}{(Replicas == 1 ? "" : $".replica-{ReplicaOf(worker)}")}.safetensors";

    /// <summary>As an error or a table names it.</summary>
    public string NameOf(int worker) => Replicas == 1 ? $"stage {worker}" : $"stage {RankOf(worker)} of replica {ReplicaOf(worker)}";
}
