using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Operators that TorchSharp lacks, with autograd.</summary>
public static class Operator
{
    private static readonly byte[] EmbeddingName = Dispatcher.Name("aten::embedding");

    /// <summary>Rows of a table: <c>out[..., :] = weight[indices[...], :]</c>.</summary>
    /// <param name="weight">(rows, width).</param>
    /// <param name="indices">int64, any shape; the values are the caller's promise.</param>
    /// <returns>The shape of <paramref name="indices"/>, then width.</returns>
    public static Tensor Embedding(Tensor weight, Tensor indices)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(indices);
        if (weight.dim() != 2 || indices.dtype != ScalarType.Int64)
        {
            throw new ArgumentException($"An embedding takes a matrix and int64 indices, not {weight.dim()} dimensions and {indices.dtype}.", nameof(weight));
        }

        Span<ulong> stack =
        [
            Dispatcher.Argument(weight),
            Dispatcher.Argument(indices),
            unchecked((ulong)-1L),         // padding_idx: none
            Dispatcher.Argument(false),    // scale_grad_by_freq
            Dispatcher.Argument(false),    // sparse
        ];
        Dispatcher.Call(EmbeddingName, Dispatcher.Default, stack);
        return Dispatcher.Result(stack[0]);
    }
}
