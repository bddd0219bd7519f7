using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.TokenReduction;

/// <summary>Which tokens of each sequence become one, by the bipartite soft matching of ToMe (Bolya et al. 2022, arXiv:2210.09461): each token at
/// an even place finds the token at an odd place that is most like it, and the pairs that are most alike are merged. Several may be merged into
/// the same one. What is merged has an order of its own, not the sequence's.</summary>
public sealed class TokenMerging
{
    private readonly Tensor places;   // int64 (sequences, length): where each token is among the merged

    private TokenMerging(Tensor places, long count)
    {
        this.places = places;
        Sizes = zeros([places.shape[0], count], ScalarType.Float32, places.device).scatter_add(1, places, ones_like(places, ScalarType.Float32));
    }

    /// <summary>float32 (sequences, merged): how many tokens each of the merged stands for.</summary>
    public Tensor Sizes { get; }

    /// <summary>The matching itself is not differentiated. Of pairs as much alike, and of partners, the first is taken.</summary>
    /// <param name="metric">(sequences, length, numbers), such as attention keys: their cosine is how much two tokens are alike.</param>
    /// <param name="merged">How many tokens of each sequence go into others, up to half of the length, rounded down.</param>
    public static TokenMerging Match(Tensor metric, long merged)
    {
        using var noGradient = no_grad();
        var length = metric.shape[1];
        if (merged < 0 || merged > length / 2)
        {
            throw new ArgumentOutOfRangeException(nameof(merged), merged, $"Of {length} tokens 0 to {length / 2} can be merged into others.");
        }

        if (merged == 0)
        {
            return new(Arithmetic.Range(length, ScalarType.Int64, metric.device).expand(metric.shape[0], length), length);
        }

        var wide = metric.detach().to(ScalarType.Float32);
        var unit = wide * Arithmetic.Clamp(wide.square().sum(-1, keepdim: true), 1e-24, double.PositiveInfinity).rsqrt();
        var (even, odd) = (unit.slice(1, 0, length, 2), unit.slice(1, 1, length, 2));
        var (likeness, partner) = even.matmul(odd.transpose(1, 2)).max(-1);
        var order = sort(likeness, -1, descending: true, stable: true).indices;
        // The odd tokens come first among the merged, then the even ones that stay.
        var (evens, odds) = (even.shape[1], odd.shape[1]);
        var numbers = Arithmetic.Range(length - merged, ScalarType.Int64, metric.device).expand(metric.shape[0], length - merged);
        var (ofOdd, ofStaying) = (numbers.narrow(1, 0, odds), numbers.narrow(1, odds, evens - merged));
        var ofEven = cat([partner.gather(1, order.narrow(1, 0, merged)), ofStaying], 1).gather(1, order.argsort(1));
        // An odd length has an even place more; what is put opposite it is cut off.
        var opposite = evens == odds ? ofOdd : cat([ofOdd, ofOdd.narrow(1, 0, 1)], 1);
        return new(stack([ofEven, opposite], 2).flatten(1).narrow(1, 0, length), length - merged);
    }

    /// <summary>The mean of the tokens that each of the merged stands for.</summary>
    /// <param name="tokens">(sequences, length, numbers).</param>
    /// <returns>(sequences, merged, numbers).</returns>
    public Tensor Merge(Tensor tokens)
    {
        var sums = zeros([tokens.shape[0], Sizes.shape[1], tokens.shape[2]], tokens.dtype, tokens.device).scatter_add(1, Index(tokens), tokens);
        return sums / Sizes.to(tokens.dtype).unsqueeze(-1);
    }

    /// <summary>Gives each token what the one that stands for it has.</summary>
    /// <param name="merged">(sequences, merged, numbers).</param>
    /// <returns>(sequences, length, numbers).</returns>
    public Tensor Unmerge(Tensor merged) => merged.gather(1, Index(merged));

    private Tensor Index(Tensor like) => places.unsqueeze(-1).expand(-1, -1, like.shape[2]);
}
