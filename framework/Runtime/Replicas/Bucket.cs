namespace Pipeline.Runtime.Replicas;

/// <summary>Gradients that go round the ring of replicas together, cut into a shard for each replica.</summary>
/// <param name="IsTied">Their parameter has copies elsewhere in the model, whose gradients come to its own at the end of the step.</param>
/// <param name="Shards">By the replica that sums each, and that updates its parameters with a sharded optimizer.</param>
internal sealed record Bucket(bool IsTied, IReadOnlyList<IReadOnlyList<Piece>> Shards)
{
    /// <summary>4 MiB in float32: a hop then takes about a millisecond, long beside what a message costs, and a large layer still has
    /// several buckets, of which one can travel while the next one's gradients are computed.</summary>
    public const long MostElements = 1 << 20;

    public IEnumerable<Piece> Pieces => Shards.SelectMany(shard => shard);

    /// <summary>The buckets of a stage: each has gradients of one layer only, so that how they are cut, and with it every bit of the sums,
    /// depends on the model and the number of replicas, but not on where the layers are.</summary>
    /// <param name="layers">For each layer the parameters that the stage owns: their places, elements, and whether they are tied.</param>
    public static IReadOnlyList<Bucket> Cut(
        IEnumerable<IReadOnlyList<(int Parameter, long Elements, bool IsTied)>> layers, int replicas, long mostElements = MostElements) =>
    [
        .. from layer in layers
           from part in layer.GroupBy(entry => entry.IsTied)
           let pieces = part.Select(entry => new Piece(entry.Parameter, 0, entry.Elements)).ToArray()
           let elements = pieces.Sum(piece => piece.Elements)
           where elements > 0
           from bucket in Piece.Cut(pieces, checked((int)((elements + mostElements - 1) / mostElements)))
           where bucket.Count > 0
           select new Bucket(part.Key, Piece.Cut(bucket, replicas)),
    ];
}
