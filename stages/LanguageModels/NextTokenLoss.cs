using static TorchSharp.torch;

namespace Pipeline.Stages.LanguageModels;

/// <summary>What a language model is trained on.</summary>
public static class NextTokenLoss
{
    /// <param name="logits">(sequences, length, vocabulary), any floating type.</param>
    /// <param name="targets">int64 (sequences, length).</param>
    /// <returns>The cross-entropy summed over all targets, in float32.</returns>
    public static Tensor Sum(Tensor logits, Tensor targets) => nn.functional.cross_entropy(
        logits.view(-1, logits.shape[^1]).to(ScalarType.Float32), targets.view(-1), reduction: nn.Reduction.Sum);
}
