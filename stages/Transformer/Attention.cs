using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Transformer;

/// <summary>Attention (Vaswani et al. 2017) for every family that has it: several query heads may share a key and value head
/// (grouped queries, Ainslie et al. 2023, arXiv:2305.13245), a cache may hold the tokens before, and packed documents do not see each other.</summary>
public static class Attention
{
    /// <summary>softmax(Q K^T / sqrt(size)) V over the tokens up to each query's own. Query head h uses key head h / (heads / groups).</summary>
    /// <param name="query">(sequences, length, heads, size), of the tokens that follow the cache's.</param>
    /// <param name="key">(sequences, length, groups, size), where groups divides heads.</param>
    /// <param name="value">Like <paramref name="key"/>.</param>
    /// <param name="name">Unique in the model: keys and values are cached, and dropout masks drawn, under it.</param>
    /// <param name="dropout">Probability, of the attention weights.</param>
    /// <returns>(sequences, length, heads * size).</returns>
    /// <exception cref="InvalidOperationException">The pass has both a cache and document borders: a cached sequence is one document.</exception>
    public static Tensor Causal(Tensor query, Tensor key, Tensor value, string name, Pass pass, double dropout = 0)
    {
        if (pass.Cache is { } cache)
        {
            if (pass.DocumentStarts is not null)
            {
                throw new InvalidOperationException("A cache holds one document of each sequence, so a pass has a cache or document borders, not both.");
            }

            (key, value) = (cache.Append($"{name}.key", key, 1), cache.Append($"{name}.value", value, 1));
        }

        var (sequences, length, heads, size) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3]);
        if (length == 1 && pass.Cache is not null)
        {
            // One token sees all of the cache: the query heads of a group stand in for a length, and no key is copied.
            return functional.scaled_dot_product_attention(query.reshape(sequences, key.shape[2], -1, size), key.transpose(1, 2), value.transpose(1, 2))
                .reshape(sequences, 1, heads * size);
        }

        (query, key, value) = (query.transpose(1, 2), Repeat(key, heads), Repeat(value, heads));
        var mixed = pass.Training && dropout > 0
            ? Explicit(query, key, value, pass, dropout, $"{name}.weights")
            : key.shape[2] == length && pass.DocumentStarts is null
            ? functional.scaled_dot_product_attention(query, key, value, is_casual: true)
            : functional.scaled_dot_product_attention(query, key, value, Hidden(query, key, pass).logical_not());
        return mixed.transpose(1, 2).reshape(sequences, length, heads * size);
    }

    /// <summary>softmax(Q K^T / sqrt(size) + log sizes) V over all tokens, those of other documents excepted. Heads as in <see cref="Causal"/>.</summary>
    /// <param name="query">(sequences, length, heads, size).</param>
    /// <param name="key">(sequences, length, groups, size), where groups divides heads.</param>
    /// <param name="value">Like <paramref name="key"/>.</param>
    /// <param name="sizes">(sequences, length): how many tokens each key stands for, in one document; one without it. This is the proportional
    /// attention of ToMe (Bolya et al. 2022, arXiv:2210.09461): a key of size n counts as n equal ones.</param>
    /// <returns>(sequences, length, heads * size).</returns>
    /// <exception cref="InvalidOperationException">The pass has a cache: what follows a token is not in it.</exception>
    public static Tensor Whole(Tensor query, Tensor key, Tensor value, Pass pass, Tensor? sizes = null)
    {
        if (pass.Cache is not null)
        {
            throw new InvalidOperationException("Attention to the whole sequence cannot go on from a cache, which has no tokens that follow.");
        }

        var (sequences, length, heads, size) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3]);
        var mask = sizes is not null ? sizes.log().to(query.dtype).view(sequences, 1, 1, length)
            : pass.DocumentStarts is { } starts ? OtherDocument(starts).logical_not()
            : null;
        return functional.scaled_dot_product_attention(query.transpose(1, 2), Repeat(key, heads), Repeat(value, heads), mask)
            .transpose(1, 2).reshape(sequences, length, heads * size);
    }

    /// <summary>With dropout on the weights from our own generator, which the fused operator cannot take.</summary>
    private static Tensor Explicit(Tensor query, Tensor key, Tensor value, Pass pass, double dropout, string place)
    {
        var scores = Arithmetic.Scale(query.matmul(key.transpose(2, 3)), 1 / Math.Sqrt(query.shape[3]));
        var weights = Arithmetic.Fill(scores, Hidden(query, key, pass), double.NegativeInfinity).softmax(-1);
        return pass.Dropout(weights, dropout, place).matmul(value);
    }

    /// <summary>(sequences, length, groups, size) to (sequences, heads, length, size).</summary>
    private static Tensor Repeat(Tensor part, long heads)
    {
        var times = heads / part.shape[2];
        return (times == 1 ? part : part.unsqueeze(3).expand(-1, -1, -1, times, -1).flatten(2, 3)).transpose(1, 2);
    }

    /// <summary>True where a query (row) must not see a key (column): later tokens, and those of other documents.</summary>
    /// <param name="query">(sequences, heads, length, size).</param>
    /// <param name="key">(sequences, heads, all tokens so far, size).</param>
    /// <returns>(length, all) or (sequences, 1, length, all).</returns>
    private static Tensor Hidden(Tensor query, Tensor key, Pass pass)
    {
        var (length, all) = (query.shape[2], key.shape[2]);
        var future = ones(length, all, ScalarType.Bool, query.device).triu(all - length + 1);
        return pass.DocumentStarts is { } starts ? OtherDocument(starts).logical_or(future) : future;
    }

    /// <summary>bool (sequences, 1, length, length), true where a query (row) and a key (column) are of different documents.</summary>
    private static Tensor OtherDocument(Tensor starts)
    {
        var document = starts.to(ScalarType.Int32).cumsum(1);
        return document.unsqueeze(2).ne(document.unsqueeze(1)).unsqueeze(1);
    }
}
