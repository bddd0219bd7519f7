using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Replicas;

/// <summary>A stage's gradients and parameters as the replicas exchange them: flat, in buckets of a shard for each replica. With a sharded
/// optimizer (ZeRO's first stage, Rajbhandari et al. 2020, arXiv:1910.02054) this replica updates its shards alone. All calls come from the
/// stage's thread. Tensors passed in become its own; tensors returned become the caller's.</summary>
public sealed class StageBuckets : IDisposable
{
    private readonly Parameter[] parameters;
    private readonly IReadOnlyList<Bucket> buckets;
    private readonly int replica;
    private readonly bool isSharded;
    private readonly Action changed;
    private readonly ParameterPiece[][] own;   // of each bucket those of this replica's shard
    private readonly List<Tensor> sums = [];
    private readonly Dictionary<Tensor, int[]> bucketsOf = new(ReferenceEqualityComparer.Instance);   // by parameter; tensors are equal by element

    /// <param name="layers">The parameters that the stage owns, without those that are fixed.</param>
    /// <param name="isTied">The parameter has copies.</param>
    /// <param name="isSharded">Whether this replica gets the sums of its shards alone.</param>
    /// <param name="changed">Called when parameters have new values.</param>
    internal StageBuckets(
        IReadOnlyList<IReadOnlyList<Parameter>> layers, Func<Parameter, bool> isTied, Ring ring, bool isSharded, Action changed)
    {
        (replica, this.isSharded, this.changed) = (ring.Replica, isSharded, changed);
        parameters = [.. layers.SelectMany(layer => layer)];
        var place = 0;
        buckets = Bucket.Cut([.. layers.Select(layer => layer.Select(one => (place++, one.Definition.Elements, isTied(one))).ToArray())], ring.Replicas);
        own = [.. buckets.Select(bucket => bucket.Shards[replica].Select(piece => new ParameterPiece(parameters[piece.Parameter], piece.Start, piece.End)).ToArray())];
        for (place = 0; place < parameters.Length; place++)
        {
            bucketsOf.Add(parameters[place].Value, [.. Enumerable.Range(0, Count).Where(bucket => buckets[bucket].Pieces.Any(piece => piece.Parameter == place))]);
        }
    }

    internal int Count => buckets.Count;

    /// <summary>The pieces of this replica's shards, in the order of buckets: what its optimizer updates when it is sharded.</summary>
    internal IReadOnlyList<ParameterPiece> Own => [.. own.SelectMany(pieces => pieces)];

    /// <summary>Releases the buckets whose gradients are whole already, and says what to do when a weight has got one of its last additions.</summary>
    /// <param name="uses">Weights to whose gradients will be added, one entry an addition.</param>
    /// <param name="release">Takes a bucket and its shards.</param>
    internal Action<Tensor> Release(IEnumerable<Tensor> uses, Action<int, IReadOnlyList<Tensor>> release)
    {
        var additions = new int[Count];
        foreach (var bucket in uses.SelectMany(BucketsOf))
        {
            additions[bucket]++;
        }

        for (var bucket = 0; bucket < Count; bucket++)
        {
            ReleaseWhole(bucket);
        }

        return weight =>
        {
            foreach (var bucket in BucketsOf(weight))
            {
                additions[bucket]--;
                ReleaseWhole(bucket);
            }
        };

        void ReleaseWhole(int bucket)
        {
            if (additions[bucket] == 0 && !buckets[bucket].IsTied)
            {
                release(bucket, TakeGradients(bucket));
            }
        }
    }

    /// <summary>Releases the buckets of tied parameters, to which the copies' gradients have been added.</summary>
    internal void ReleaseTied(Action<int, IReadOnlyList<Tensor>> release)
    {
        for (var bucket = 0; bucket < Count; bucket++)
        {
            if (buckets[bucket].IsTied)
            {
                release(bucket, TakeGradients(bucket));
            }
        }
    }

    /// <summary>Takes the sums over the replicas for the step's gradients.</summary>
    /// <param name="shards">This replica's alone when sharded, else all.</param>
    internal void SetSums(int bucket, IReadOnlyList<Tensor> shards)
    {
        using var noGradient = no_grad();
        if (isSharded)
        {
            sums.Add(shards[0]);
            Walk(buckets[bucket].Shards[replica], (piece, index, offset) =>
            {
                own[bucket][index].Sum = shards[0].narrow(0, offset, piece.Elements).DetachFromDisposeScope();
                sums.Add(own[bucket][index].Sum!);
            });
            return;
        }

        for (var shard = 0; shard < shards.Count; shard++)
        {
            using var scope = NewDisposeScope();
            using var sum = shards[shard];
            Walk(buckets[bucket].Shards[shard], (piece, _, offset) => Flat(GradientOf(piece), piece).copy_(sum.narrow(0, offset, piece.Elements)));
        }
    }

    /// <summary>At the end of a step.</summary>
    internal void ClearSums()
    {
        foreach (var sum in sums)
        {
            sum.Dispose();
        }

        sums.Clear();
        foreach (var piece in own.SelectMany(pieces => pieces))
        {
            piece.Sum = null;
        }
    }

    /// <summary>The values of this replica's shard, flat: a copy, for they may still be on their way when this replica's averages take their place.</summary>
    internal Tensor Values(int bucket)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor[] pieces = [.. own[bucket].Select(piece => piece.Value.detach().reshape(-1))];
        return Concatenate(bucket, pieces is [var only] ? [only.clone()] : pieces);   // TorchSharp's cat of one tensor is that tensor
    }

    /// <summary>Gives the parameters of another replica's shard their new values.</summary>
    internal void SetValues(int bucket, int shard, Tensor values)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using (values)
        {
            var pieces = buckets[bucket].Shards[shard];
            HandOverContract.Check($"shard {shard} of the parameters' bucket {bucket}", values, TypeOf(bucket), [pieces.Sum(piece => piece.Elements)]);
            Walk(pieces, (piece, _, offset) => Flat(parameters[piece.Parameter].Value, piece).copy_(values.narrow(0, offset, piece.Elements)));
        }

        changed();
    }

    public void Dispose()
    {
        ClearSums();
        foreach (var piece in own.SelectMany(pieces => pieces))
        {
            piece.Dispose();
        }
    }

    /// <summary>A bucket's gradients, flat, one tensor a shard; the parameters have none afterwards.</summary>
    private Tensor[] TakeGradients(int bucket)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor[] shards = [.. buckets[bucket].Shards.Select(shard => Concatenate(bucket, [.. shard.Select(piece => Flat(Existing(piece), piece))]))];
        foreach (var piece in buckets[bucket].Pieces.Where(piece => piece.End == parameters[piece.Parameter].Definition.Elements))
        {
            parameters[piece.Parameter].ClearGradient();   // its pieces are released in order: this was the last
        }

        return shards;

        Tensor Existing(Piece piece) => parameters[piece.Parameter].Gradient
            ?? throw new InvalidOperationException($"no gradient reached the parameter {parameters[piece.Parameter].Name}");
    }

    private Tensor Concatenate(int bucket, Tensor[] pieces)
    {
        var flat = pieces.Length == 0 ? empty(0, TypeOf(bucket), parameters[0].Value.device) : cat(pieces);
        return flat.DetachFromDisposeScope();
    }

    private ScalarType TypeOf(int bucket) => parameters[buckets[bucket].Pieces.First().Parameter].Value.dtype;

    private IReadOnlyList<int> BucketsOf(Tensor weight) => bucketsOf.TryGetValue(weight, out var found) ? found : [];

    /// <summary>The gradient that the optimizer takes, made where there is none.</summary>
    private Tensor GradientOf(Piece piece)
    {
        var parameter = parameters[piece.Parameter];
        if (parameter.Gradient is { } gradient)
        {
            return gradient;
        }

        parameter.Value.grad = empty_like(parameter.Value, requires_grad: false);
        return parameter.Gradient!;
    }

    private static Tensor Flat(Tensor whole, Piece piece) => whole.detach().reshape(-1).narrow(0, piece.Start, piece.Elements);

    /// <summary>Goes through the pieces of a shard with their positions in its flat tensor.</summary>
    private static void Walk(IReadOnlyList<Piece> pieces, Action<Piece, int, long> visit)
    {
        var offset = 0L;
        for (var index = 0; index < pieces.Count; offset += pieces[index].Elements, index++)
        {
            visit(pieces[index], index, offset);
        }
    }
}
