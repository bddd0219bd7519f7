using Pipeline.Core;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <summary>Token plus learned position embedding: int64 (sequences, length) to (sequences, length, width). Positions go on from the cache's, and
/// start again with each document.</summary>
internal sealed class Gpt2Embedding(Gpt2Settings settings, Tensor tokens, Tensor positions) : Layer
{
    public override Tensor Forward(Tensor input, Pass pass)
    {
        var (first, length) = (pass.Cache?.Length ?? 0, input.shape[^1]);
        if (first + length > settings.Context)
        {
            throw new BadInputException($"The text has {first + length} tokens, and the model has positions for {settings.Context}; allowed are at most as many.");
        }

        var position = pass.DocumentStarts is { } starts
            ? pass.Embedding(positions, Restarting(starts, first))
            : length == settings.Context ? positions : positions.narrow(0, first, length);
        var embedded = Arithmetic.Add(pass.Embedding(tokens, input), position).to(pass.Compute);
        return pass.Dropout(embedded, settings.Dropout, "embedding");
    }

    /// <summary>The distance of each token from its document's first.</summary>
    /// <param name="starts">bool (sequences, length).</param>
    /// <param name="first">The position of what has no start before it.</param>
    /// <returns>int64 (sequences, length).</returns>
    private static Tensor Restarting(Tensor starts, long first)
    {
        var index = Arithmetic.Range(first + starts.shape[1], ScalarType.Int64, starts.device).narrow(0, first, starts.shape[1]);
        return Arithmetic.Add(index, (index * starts).cummax(1).values.neg());
    }
}
