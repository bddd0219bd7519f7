using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.TokenReduction;

/// <summary>Attention over fewer tokens, a part of a block, (sequences, length, width) in and out: tokens with similar keys are merged
/// (<see cref="TokenMerging"/>), those that are left see all of each other, and every token gets what the one that stands for it found. Outside
/// of the part nothing is merged. Tokens are turned by their positions before they are merged, so that a merged query's score with a merged key is
/// the mean of the scores of all the pairs. Parameters as in <see cref="SelfAttention"/>.</summary>
/// <param name="share">Of the tokens, how many are merged into others: 0 to 0.5.</param>
public sealed class ReducedAttention(
    SelfAttentionSettings settings, double share, string name, IReadOnlyDictionary<string, Tensor> parameters) : IBlockPart
{
    private readonly Projection
        query = new($"{name}.q_proj", parameters),
        key = new($"{name}.k_proj", parameters),
        value = new($"{name}.v_proj", parameters),
        output = new($"{name}.o_proj", parameters);

    private readonly RotaryPositions? positions = settings.Positions is { } rope ? new(rope, settings.HeadSize) : null;

    /// <summary>Queries and keys are those of all tokens; values, scores and outputs those of the merged.</summary>
    public static LayerCost Cost(SelfAttentionSettings settings, double share, int context)
    {
        var (queries, keys, reduced) = ((double)settings.Heads * settings.HeadSize, (double)settings.KeyValueHeads * settings.HeadSize, context - Merged(share, context));
        var projections = 2.0 * settings.Width * (context + reduced) * (queries + keys);
        var matching = 2.0 * settings.HeadSize * (context / 2) * (context / 2);
        return new(projections + (4.0 * reduced * reduced * queries) + matching, (reduced * ((4.0 * queries) + settings.Width)) + ((double)context * (queries + keys)));
    }

    public Tensor Forward(Tensor input, Pass pass)
    {
        var (queries, keys) = (Heads(query, input, settings.Heads), Heads(key, input, settings.KeyValueHeads));
        var merging = TokenMerging.Match(keys.mean([2]), Merged(share, input.shape[1]));
        if (positions is not null)
        {
            (queries, keys) = positions.Rotate(queries, keys, 0);
        }

        var mixed = Attention.Whole(
            Merge(queries), Merge(keys), Heads(value, merging.Merge(input), settings.KeyValueHeads), pass, merging.Sizes);
        return merging.Unmerge(output.Forward(mixed, pass));

        Tensor Heads(Projection projection, Tensor tokens, int heads) =>
            projection.Forward(tokens, pass).view(tokens.shape[0], tokens.shape[1], heads, settings.HeadSize);

        Tensor Merge(Tensor heads) => merging.Merge(heads.flatten(2)).view(heads.shape[0], -1, heads.shape[2], settings.HeadSize);
    }

    private static long Merged(double share, long length) => (long)(share * length);
}
