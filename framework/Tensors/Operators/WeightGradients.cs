using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The weight gradients of one micro-batch, put off until <see cref="Compute"/>: the split of a backward into input gradients and
/// weight gradients (Qi et al. 2023, arXiv:2401.10241). A forward through this object records no path to the weights, so libtorch's backward
/// computes input gradients alone. What a weight gradient needs besides the operator's input is the gradient of its output; it is the
/// gradient of a leaf that is added to the output: the bias, or a zero, as a view of stride 0 that takes no memory.</summary>
/// <param name="weights">Of the stage, for all its micro-batches.</param>
public sealed class WeightGradients(ConstantWeights weights) : IDisposable
{
    private readonly List<(Tensor[] Weights, Tensor Leaf, Action<Tensor> Add)> pending = [];
    private readonly List<Tensor> kept = [];

    /// <summary>The weights to whose gradients <see cref="Compute"/> will add, one entry a use.</summary>
    public IEnumerable<Tensor> Weights => pending.SelectMany(use => use.Weights);

    /// <summary><c>input weight^T + bias</c>.</summary>
    /// <param name="input">(..., inputs).</param>
    /// <param name="weight">(outputs, inputs), a leaf; cast to the input's type.</param>
    /// <param name="bias">(outputs), likewise.</param>
    public Tensor Linear(Tensor input, Tensor weight, Tensor? bias)
    {
        var (shape, type) = (input.shape, input.dtype);
        var (rows, constant) = (input.reshape(-1, shape[^1]), weights.Transposed(weight, type));
        var outputs = constant.shape[1];
        var leaf = (bias is null ? weights.Zero(type, input.device) : weights.Plain(bias, type))
            .expand(rows.shape[0], outputs).requires_grad_(is_grad_enabled() && (weight.requires_grad || bias?.requires_grad == true));
        var output = addmm(leaf, rows, constant, 1, 1);
        Record(bias is null ? [weight] : [weight, bias], leaf, rows, (outputGradient, saved) =>
        {
            AddProduct(weight, outputGradient, saved);
            if (bias is not null)
            {
                Add(bias, outputGradient.sum(0, type: bias.dtype));
            }
        });
        return output.view([.. shape[..^1], outputs]);
    }

    /// <summary>Rows of a table: <c>out[..., :] = weight[indices[...], :]</c>.</summary>
    /// <param name="weight">(rows, width), a leaf.</param>
    /// <param name="indices">int64, any shape.</param>
    public Tensor Embedding(Tensor weight, Tensor indices)
    {
        var rows = Operator.Embedding(weight.detach(), indices).requires_grad_(is_grad_enabled() && weight.requires_grad);
        Record([weight], rows, indices, (outputGradient, saved) => Add(weight, Operator.EmbeddingGradient(outputGradient, saved, weight.shape[0])));
        return rows;
    }

    /// <summary>Adds to the gradients of all weights used, in the order of use. To be called once, after the backward.</summary>
    /// <param name="added">Told of each use when it is done.</param>
    public void Compute(Action<Tensor>? added = null)
    {
        using var noGradient = no_grad();
        foreach (var (used, leaf, add) in pending)
        {
            using var scope = NewDisposeScope();
            if (leaf.grad is { } outputGradient)
            {
                add(outputGradient);
            }

            foreach (var weight in added is null ? [] : used)
            {
                added!(weight);
            }
        }

        Dispose();
    }

    public void Dispose()
    {
        foreach (var tensor in kept)
        {
            tensor.Dispose();
        }

        kept.Clear();
        pending.Clear();
    }

    /// <param name="used">The weights of the operator.</param>
    /// <param name="leaf">Its gradient is that of the operator's output.</param>
    /// <param name="input">What <paramref name="add"/> gets besides, without its history.</param>
    private void Record(Tensor[] used, Tensor leaf, Tensor input, Action<Tensor, Tensor> add)
    {
        if (leaf.requires_grad)
        {
            var saved = input.detach().DetachFromDisposeScope();
            kept.AddRange([leaf.DetachFromDisposeScope(), saved]);
            pending.Add((used, leaf, outputGradient => add(outputGradient, saved)));
        }
    }

    /// <summary>weight.grad += outputGradient^T input, as one operator where the types allow it.</summary>
    private static void AddProduct(Tensor weight, Tensor outputGradient, Tensor input)
    {
        if (!weight.requires_grad)
        {
            return;
        }

        if (weight.grad is { } sum && sum.dtype == input.dtype)
        {
            sum.addmm_(outputGradient.t(), input, 1, 1);
        }
        else
        {
            Add(weight, outputGradient.t().mm(input));
        }
    }

    private static void Add(Tensor weight, Tensor gradient)
    {
        if (weight.grad is { } sum)
        {
            Arithmetic.AddTo(sum, gradient);
        }
        else if (weight.requires_grad)
        {
            weight.grad = gradient.to(weight.dtype);
        }
    }
}
