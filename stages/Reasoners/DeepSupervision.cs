using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>What a reasoner is trained for in every pass over a sample: the right token in each cell that has a target, and to know whether all are
/// right. The loss of a sequence is the mean cross-entropy of its targets and half of the binary cross-entropies of halting and, with a look-ahead,
/// of going on, whose target is bootstrapped: what the pass after this one thinks of the better choice (Q-learning, as in the reference implementation).</summary>
/// <param name="isStablemax">Of the cross-entropy; else softmax.</param>
internal sealed class DeepSupervision(ReasoningOutputShape shape, Halting halting, bool isStablemax) : Objective
{
    public override bool IsPerSequence => true;

    public override Tensor Loss(Tensor output, Tensor targets, Pass pass)
    {
        var said = shape.Unpack(output);
        var type = pass.Compute == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var passes = pass.Carry?.Passes ?? new long[targets.shape[0]];
        var counts = TokenPrediction.Counts(targets);
        var perCell = CrossEntropy(said.Logits, targets, counts, type);
        var perSequence = perCell.sum(1) / Arithmetic.Clamp(counts.sum(1).to(perCell.dtype), 1, double.PositiveInfinity);
        var choice = said.Halting.to(type).unbind(1);
        var choices = Binary(choice[0], AllRight(said.Logits, targets, counts).to(type));
        if (said.Ahead is { } ahead && pass.Training)
        {
            choices = Arithmetic.Add(choices, Binary(choice[1], Worth(ahead.to(type), passes)));
        }

        pass.Carry?.Follow(said.State, halting.Decide(said.Halting, passes, pass));
        return Arithmetic.Add(perSequence.sum().to(type), Arithmetic.Scale(choices, 0.5));
    }

    public override Tensor Score(Tensor output, Tensor targets) => TokenPrediction.Instance.Score(shape.Unpack(output).Logits, targets);

    /// <returns>(sequences, cells), 0 where there is no target.</returns>
    private Tensor CrossEntropy(Tensor logits, Tensor targets, Tensor counts, ScalarType type)
    {
        if (!isStablemax)
        {
            return nn.functional.cross_entropy(
                logits.to(type).flatten(0, 1), targets.flatten(), ignore_index: Ignored, reduction: nn.Reduction.None).view(targets.shape);
        }

        var loss = Stablemax.CrossEntropy(logits, where(counts, targets, zeros_like(targets)));
        return where(counts, loss, zeros_like(loss));
    }

    private static Tensor AllRight(Tensor logits, Tensor targets, Tensor counts) =>
        logits.argmax(-1).eq(targets).logical_or(counts.logical_not()).all(-1);

    /// <summary>Of going on: how good the next pass thinks its better choice; where this pass is the last, how good to halt.</summary>
    private Tensor Worth(Tensor ahead, IReadOnlyList<long> passes)
    {
        var next = ahead.detach().unbind(1);
        var isLast = tensor(passes.Select(halting.IsLast).ToArray(), device: ahead.device);
        return where(isLast, next[0], maximum(next[0], next[1])).sigmoid();
    }

    private static Tensor Binary(Tensor logits, Tensor targets) =>
        nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction: nn.Reduction.Sum);
}
