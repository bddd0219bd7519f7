using Pipeline.Core;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>What one pass of one micro-batch knows besides its input.</summary>
/// <param name="Training">False in evaluation: no dropout.</param>
/// <param name="Compute">The type of activations and matrix products.</param>
/// <param name="WeightGradients">Takes the gradients of large weights out of the backward; null leaves them to libtorch.</param>
public sealed record Pass(
    long Seed, long Step, int MicroBatch, bool Training, ScalarType Compute, WeightGradients? WeightGradients = null)
{
    /// <summary>What earlier calls have left for this one in generation; null in training and evaluation.</summary>
    public Cache? Cache { get; init; }

    /// <summary>bool (sequences, length), true at the first token of each document: nothing that comes before it may reach what follows. Null:
    /// a sequence is one document.</summary>
    public Tensor? DocumentStarts { get; init; }

    /// <summary>What the sequences bring from earlier passes, at the first layer and at the objective; null elsewhere, and in a model without.</summary>
    public Carry? Carry { get; init; }

    /// <summary>This micro-batch's share of the step: what a layer's loss of its own is scaled by.</summary>
    public double LossShare { get; init; } = 1;

    /// <summary><c>input weight^T + bias</c>.</summary>
    /// <param name="input">(..., inputs).</param>
    /// <param name="weight">(outputs, inputs).</param>
    /// <param name="bias">(outputs).</param>
    public Tensor Linear(Tensor input, Tensor weight, Tensor? bias) =>
        WeightGradients?.Linear(input, weight, bias) ?? Operator.Linear(input, weight, bias);

    /// <summary>Rows of a table: <c>out[..., :] = weight[indices[...], :]</c>.</summary>
    /// <param name="weight">(rows, width).</param>
    /// <param name="indices">int64, any shape.</param>
    public Tensor Embedding(Tensor weight, Tensor indices) =>
        WeightGradients?.Embedding(weight, indices) ?? Operator.Embedding(weight, indices);

    /// <summary>Dropout (Srivastava et al. 2014), scaled so that the expectation is unchanged. The mask depends on (seed, step, micro-batch,
    /// place) alone: neither the layout nor the device can change it, and a second forward draws it again.</summary>
    /// <param name="place">Unique in the model, such as <c>h.3.attn</c>.</param>
    public Tensor Dropout(Tensor input, double probability, string place)
    {
        if (!Training || probability == 0)
        {
            return input;
        }

        return input * DropoutMask.Draw(input, probability, Seeds.Derive(Seed, Step, MicroBatch, place));
    }
}
