using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>How much of what is at one place of a chunk is left at another: <c>exp</c> of sums of exponents. Differences of cumulative sums lose
/// what is small beside the sums; in float64 nothing that float32 could tell.</summary>
internal sealed class ChunkDecays
{
    private readonly Tensor sums;

    /// <param name="exponents">float64 (sequences, chunks, size, groups, heads of a group).</param>
    public ChunkDecays(Tensor exponents)
    {
        sums = exponents.cumsum(2);
        var whole = sums.narrow(2, sums.shape[2] - 1, 1);
        FromStart = sums.exp().to(ScalarType.Float32).unsqueeze(-1);
        ToEnd = Arithmetic.Subtract(whole, sums).exp().to(ScalarType.Float32).unsqueeze(-1);
        Across = whole.squeeze(2).exp().to(ScalarType.Float32).unsqueeze(-1).unsqueeze(-1);
    }

    /// <summary>From before the chunk to each token, (sequences, chunks, size, groups, heads of a group, 1).</summary>
    public Tensor FromStart { get; }

    /// <summary>From each token to the chunk's end, likewise.</summary>
    public Tensor ToEnd { get; }

    /// <summary>Over the whole chunk, (sequences, chunks, groups, heads of a group, 1, 1).</summary>
    public Tensor Across { get; }

    /// <summary>[.., i, j] from token j to token i, zero for j behind i: (sequences, chunks, groups, heads of a group, size, size). Exponents of
    /// pairs in the wrong order are positive: they are cleared before <c>exp</c>, which never sees them.</summary>
    public Tensor Pairs()
    {
        using var byHead = sums.permute(0, 1, 3, 4, 2).contiguous();
        using var differences = Arithmetic.Subtract(byHead.unsqueeze(-1), byHead.unsqueeze(-2));
        return differences.to(ScalarType.Float32).tril_().exp_().tril_();
    }
}
