using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>What a language model is trained for: a token at each place that has a target.</summary>
public sealed class TokenPrediction : Objective
{
    public static readonly TokenPrediction Instance = new();

    public override bool PredictsNextToken => true;

    /// <param name="output">Logits (sequences, length, vocabulary), any floating type.</param>
    /// <param name="targets">int64 (sequences, length).</param>
    /// <returns>The cross-entropy summed over all targets, in float32.</returns>
    public override Tensor Loss(Tensor output, Tensor targets, Pass pass) => Sum(output, targets);

    /// <inheritdoc cref="Loss"/>
    public static Tensor Sum(Tensor output, Tensor targets) => nn.functional.cross_entropy(
        output.view(-1, output.shape[^1]).to(ScalarType.Float32), targets.view(-1), ignore_index: Ignored, reduction: nn.Reduction.Sum);

    public override Tensor Score(Tensor output, Tensor targets)
    {
        var counts = targets.ne(Ignored);
        var right = output.argmax(-1).eq(targets).logical_and(counts);
        return stack([right.sum(), right.logical_or(counts.logical_not()).all(-1).sum()]);
    }
}
