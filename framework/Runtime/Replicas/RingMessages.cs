using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Replicas;

// Whoever holds a message owns its tensors, as with frames.

/// <summary>From the host to a worker's ring actor.</summary>
/// <param name="Step">The last step that the stages are to hold.</param>
/// <param name="Next">To the ring actor of the next replica.</param>
internal sealed record StartRing(long Epoch, long Step, ITensorLink Next);

/// <summary>From a stage actor to its ring actor: add a bucket's gradients up over the replicas.</summary>
/// <param name="Shards">Flat, one for each replica.</param>
internal sealed record SumGradients(long Epoch, long Step, int Stage, int Bucket, IReadOnlyList<Tensor> Shards) : IDisposable
{
    public void Dispose()
    {
        foreach (var shard in Shards)
        {
            shard.Dispose();
        }
    }
}

/// <summary>The answer.</summary>
/// <param name="Shards">The sums: the own shard alone with a sharded optimizer, else all.</param>
internal sealed record GradientsSummed(long Epoch, int Stage, int Bucket, IReadOnlyList<Tensor> Shards) : IDisposable
{
    public void Dispose()
    {
        foreach (var shard in Shards)
        {
            shard.Dispose();
        }
    }
}

/// <summary>From a stage actor to its ring actor: give all replicas the parameters of the own shard of a bucket, and get theirs.</summary>
/// <param name="Values">Flat; from here on they are only read.</param>
internal sealed record GatherParameters(long Epoch, long Step, int Stage, int Bucket, Tensor Values) : IDisposable
{
    public void Dispose() => Values.Dispose();
}

/// <summary>One answer for each other replica.</summary>
/// <param name="Values">Flat, to be read only: the other replicas may have them too.</param>
internal sealed record ParametersArrived(long Epoch, int Stage, int Bucket, int Shard, Tensor Values) : IDisposable
{
    public void Dispose() => Values.Dispose();
}
