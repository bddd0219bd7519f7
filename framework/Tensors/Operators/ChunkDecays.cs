using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>How much of what is at one place of a chunk is left at another: <c>exp</c> of sums of exponents.</summary>
/// <param name="FromStart">From before the chunk to each token, (sequences, chunks, size, groups, heads of a group, 1).</param>
/// <param name="ToEnd">From each token to the chunk's end, likewise.</param>
/// <param name="Across">The whole chunk, (sequences, chunks, groups, heads of a group, 1, 1).</param>
/// <param name="Pairs">[.., i, j] from token j to token i; zero for j behind i. (sequences, chunks, groups, heads of a group, size, size)</param>
internal sealed record ChunkDecays(Tensor FromStart, Tensor ToEnd, Tensor Across, Tensor Pairs)
{
    /// <summary>Differences of cumulative sums lose what is small beside the sums; in float64 nothing that float32 could tell. Exponents of
    /// pairs in the wrong order are positive: they are cleared before <c>exp</c>, which never sees them.</summary>
    /// <param name="exponents">float64 (sequences, chunks, size, groups, heads of a group).</param>
    public static ChunkDecays Of(Tensor exponents)
    {
        var sums = exponents.cumsum(2);
        var whole = sums.narrow(2, sums.shape[2] - 1, 1);
        var byHead = sums.permute(0, 1, 3, 4, 2).contiguous();
        return new(
            sums.exp().to(ScalarType.Float32).unsqueeze(-1),
            Arithmetic.Subtract(whole, sums).exp().to(ScalarType.Float32).unsqueeze(-1),
            whole.squeeze(2).exp().to(ScalarType.Float32).unsqueeze(-1).unsqueeze(-1),
            Arithmetic.Subtract(byHead.unsqueeze(-1), byHead.unsqueeze(-2)).to(ScalarType.Float32).tril_().exp_().tril_());
    }
}
