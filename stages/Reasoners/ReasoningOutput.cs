using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>What a pass of a reasoner says of each sequence.</summary>
/// <param name="Logits">(sequences, cells, vocabulary).</param>
/// <param name="Halting">(sequences, 2): logits of "halt" and "go on".</param>
/// <param name="Ahead">The same of the pass after this one; null without a look-ahead.</param>
/// <param name="State">(sequences, 2, length, width): the high and the low state, to be carried on.</param>
internal sealed record ReasoningOutput(Tensor Logits, Tensor Halting, Tensor? Ahead, Tensor State);

/// <summary>How the output of a reasoner's last layer holds all that its objective needs: one row a sequence, the parts one behind the other.</summary>
internal sealed record ReasoningOutputShape(int Cells, int Vocabulary, int Length, int Width)
{
    private const int Choices = 2, States = 2;

    /// <returns>(sequences, numbers).</returns>
    public static Tensor Pack(ReasoningOutput output) =>
        cat([output.Logits.flatten(1), output.Halting, .. output.Ahead is { } ahead ? [ahead] : Array.Empty<Tensor>(), output.State.flatten(1)], 1);

    public ReasoningOutput Unpack(Tensor packed)
    {
        var at = 0L;
        var (logits, halting) = (Take((long)Cells * Vocabulary), Take(Choices));
        var states = (long)States * Length * Width;
        var ahead = packed.shape[1] - at > states ? Take(Choices) : null;
        return new(logits.view(-1, Cells, Vocabulary), halting, ahead, Take(states).view(-1, States, Length, Width));

        Tensor Take(long count)
        {
            at += count;
            return packed.narrow(1, at - count, count);
        }
    }
}
