using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Replicas;

/// <summary>A bucket of gradients on its way around: what this replica has of it. Tensors passed in become its own.</summary>
internal sealed class RingSum(Ring ring, IReadOnlyList<Tensor> gradients, Device device) : IDisposable
{
    private readonly Tensor?[] shards = [.. gradients];
    private readonly (ScalarType Type, long Elements)[] expected = [.. gradients.Select(shard => (shard.dtype, shard.numel()))];

    /// <summary>The number of the frame that comes next.</summary>
    public int Hop { get; private set; }

    public bool IsSummed => Hop >= ring.Hops;

    public bool IsGathered => Hop == 2 * ring.Hops;

    /// <summary>What to send in the first hop.</summary>
    public Tensor First() => Take(ring.SentInSum(0));

    /// <summary>What to send in the first hop of the second way. A copy: whoever gets a sum may change it.</summary>
    public Tensor FirstWhole() => shards[ring.Replica]!.clone().DetachFromDisposeScope();

    /// <summary>Takes what arrived in the hop that came next.</summary>
    /// <returns>What to send in the following hop of the same way; null when this was its last.</returns>
    /// <exception cref="InvalidDataException">It is not what this replica has itself.</exception>
    public Tensor? Arrive(Tensor arrived)
    {
        var summing = !IsSummed;
        var shard = summing ? ring.ReceivedInSum(Hop) : ring.Received(Hop - ring.Hops);
        var local = Local(arrived, shard);
        if (summing)
        {
            using var own = Take(shard);
            using var noGradient = no_grad();
            Arithmetic.AddTo(local, own);
        }

        var last = ++Hop % ring.Hops == 0;
        if (summing && !last)
        {
            return local;
        }

        shards[shard] = local;
        return last ? null : local.clone().DetachFromDisposeScope();
    }

    /// <summary>The own shard's sum.</summary>
    public Tensor TakeOwn() => Take(ring.Replica);

    /// <summary>All sums.</summary>
    public IReadOnlyList<Tensor> TakeAll() => [.. Enumerable.Range(0, shards.Length).Select(Take)];

    public void Dispose()
    {
        foreach (var shard in shards)
        {
            shard?.Dispose();
        }
    }

    private Tensor Take(int shard)
    {
        var taken = shards[shard]!;
        shards[shard] = null;
        return taken;
    }

    private Tensor Local(Tensor arrived, int shard)
    {
        using var scope = NewDisposeScope();
        var (type, elements) = expected[shard];
        using (arrived)
        {
            HandOverContract.Check($"shard {shard} of a bucket of gradients", arrived, type, [elements]);
            return arrived.to(device).detach().DetachFromDisposeScope();
        }
    }
}
