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

    /// <summary>Root mean square norm over the last dimension (Zhang and Sennrich 2019, arXiv:1910.07467), computed in float32 as in
    /// Hugging Face's LlamaRMSNorm: <c>weight * x / sqrt(mean(x^2) + epsilon)</c>.</summary>
    /// <param name="weight">(width).</param>
    /// <returns>The input's type.</returns>
    public static Tensor RmsNorm(Tensor input, Tensor weight, double epsilon) => RmsNorm(input, epsilon) * weight.to(input.dtype);

    /// <summary>The same without a gain; in float64 where that is the input's type.</summary>
    public static Tensor RmsNorm(Tensor input, double epsilon)
    {
        var wide = input.dtype == ScalarType.Float64 ? input : input.to(ScalarType.Float32);
        var scale = Arithmetic.Shift(wide.square().mean([-1], keepdim: true), epsilon).rsqrt();
        return (wide * scale).to(input.dtype);
    }

    /// <summary><c>log(1 + e^x)</c>, without a number that TorchSharp would make a scalar of.</summary>
    public static Tensor Softplus(Tensor input) => nn.functional.logsigmoid(input.neg()).neg();

    /// <summary>A depthwise causal convolution over the sequence: <c>out[:, t, c] = bias[c] + sum over k of weight[c, 0, K-1-k] in[:, t-k, c]</c>.</summary>
    /// <param name="input">(sequences, length, channels).</param>
    /// <param name="weight">(channels, 1, K).</param>
    /// <param name="bias">(channels).</param>
    /// <param name="before">(sequences, K-1, channels): the inputs before the first; zeros without it.</param>
    /// <param name="starts">bool (sequences, length): nothing before a true position reaches it or what follows it.</param>
    /// <returns>The output (sequences, length, channels) and the last K-1 inputs, zeros where they are of an earlier document than the last,
    /// for the next call's <paramref name="before"/>; both differentiable.</returns>
    public static (Tensor Output, Tensor Last) CausalConvolution(Tensor input, Tensor weight, Tensor? bias, Tensor? before = null, Tensor? starts = null)
    {
        var (length, taps) = (input.shape[1], weight.shape[2]);
        before ??= zeros([input.shape[0], taps - 1, input.shape[2]], input.dtype, input.device);
        var padded = cat([before, input], 1);
        // A product for each tap is faster than conv1d, which wants the channels before the length.
        var columns = weight.to(input.dtype).squeeze(1).unbind(1);
        var sum = input * columns[^1];
        var document = starts?.to(ScalarType.Int32).cumsum(1);   // numbers what is of one document alike; what came before the call is 0
        var numbered = document is null ? null : cat([zeros([input.shape[0], taps - 1], document.dtype, input.device), document], 1);
        for (var back = 1; back < taps; back++)
        {
            var earlier = padded.narrow(1, taps - 1 - back, length);
            if (numbered is not null)
            {
                earlier = Arithmetic.Fill(earlier, numbered.narrow(1, taps - 1 - back, length).ne(document!).unsqueeze(-1), 0);
            }

            sum = Arithmetic.AddProduct(sum, earlier, columns[^(back + 1)]);
        }

        var last = padded.narrow(1, length, taps - 1);
        if (numbered is not null)
        {
            last = Arithmetic.Fill(last, numbered.narrow(1, length, taps - 1).ne(document!.narrow(1, length - 1, 1)).unsqueeze(-1), 0);
        }

        return (bias is null ? sum : Arithmetic.Add(sum, bias.to(input.dtype)), last);
    }
}
