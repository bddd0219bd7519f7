using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The operators that hold a model's parameters, with autograd. Parameters are cast to the input's type first, so that
/// gradients add up in the parameters' own.</summary>
public static class Operator
{
    private static readonly byte[] EmbeddingName = Dispatcher.Name("aten::embedding");
    private static readonly byte[] EmbeddingGradientName = Dispatcher.Name("aten::embedding_dense_backward");

    /// <summary>Rows of a table: <c>out[..., :] = weight[indices[...], :]</c>.</summary>
    /// <param name="weight">(rows, width).</param>
    /// <param name="indices">int64, any shape; the values are the caller's promise.</param>
    /// <returns>The shape of <paramref name="indices"/>, then width.</returns>
    public static Tensor Embedding(Tensor weight, Tensor indices)
    {
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

    /// <summary>The gradient of an embedding's table.</summary>
    /// <param name="outputGradient">The shape of <paramref name="indices"/>, then width.</param>
    /// <param name="indices">int64, any shape.</param>
    /// <param name="rows">Of the table.</param>
    /// <returns>(rows, width).</returns>
    internal static Tensor EmbeddingGradient(Tensor outputGradient, Tensor indices, long rows)
    {
        Span<ulong> stack =
        [
            Dispatcher.Argument(outputGradient),
            Dispatcher.Argument(indices),
            (ulong)rows,
            unchecked((ulong)-1L),         // padding_idx: none
            Dispatcher.Argument(false),    // scale_grad_by_freq
        ];
        Dispatcher.Call(EmbeddingGradientName, Dispatcher.Default, stack);
        return Dispatcher.Result(stack[0]);
    }

    /// <summary><c>input weight^T + bias</c>.</summary>
    /// <param name="input">(..., inputs).</param>
    /// <param name="weight">(outputs, inputs).</param>
    /// <param name="bias">(outputs).</param>
    public static Tensor Linear(Tensor input, Tensor weight, Tensor? bias)
    {
        return nn.functional.linear(input, weight.to(input.dtype), bias?.to(input.dtype));
    }

    /// <summary>Layer norm over the last dimension (Ba et al. 2016), epsilon 1e-5.</summary>
    /// <param name="weight">(width).</param>
    /// <param name="bias">(width).</param>
    public static Tensor LayerNorm(Tensor input, Tensor weight, Tensor? bias)
    {
        return nn.functional.layer_norm(input, weight.shape, weight.to(input.dtype), bias?.to(input.dtype));
    }
}
