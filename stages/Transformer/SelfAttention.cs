using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <param name="KeyValueHeads">Divides <paramref name="Heads"/>.</param>
/// <param name="HeadSize">Even where there are rotary positions.</param>
/// <param name="Positions">Null: none.</param>
/// <param name="Causal">A token sees those up to its own; else the whole sequence.</param>
public sealed record SelfAttentionSettings(
    int Width, int Heads, int KeyValueHeads, int HeadSize, bool Bias = false, RopeSettings? Positions = null, bool Causal = true)
{
    /// <summary>What does not fit among a job's keys of attention, for <see cref="Core.Configuration.ICheckedSettings"/>.</summary>
    internal static string? Problem(int width, int heads, int? keyValueHeads, int? headSize, bool hasRotaryPositions)
    {
        if (headSize is null && width % heads != 0)
        {
            return $"model.heads is {heads}, which does not divide model.width {width}; allowed are the divisors of the width, or any with model.head-size";
        }

        if (hasRotaryPositions && (headSize ?? (width / heads)) is var size && size % 2 != 0)
        {
            return $"model.head-size is {size}, and rotary positions turn pairs; allowed are even numbers";
        }

        return heads % (keyValueHeads ?? heads) != 0
            ? $"model.key-value-heads is {keyValueHeads}, which does not divide model.heads {heads}; allowed are the divisors of the heads"
            : null;
    }
}

/// <summary>Self-attention with its projections, a part of a block: (sequences, length, width) in and out. Names as in Hugging Face's Llama.</summary>
public sealed class SelfAttention(SelfAttentionSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters) : IBlockPart
{
    private readonly Projection
        query = new($"{name}.q_proj", parameters),
        key = new($"{name}.k_proj", parameters),
        value = new($"{name}.v_proj", parameters),
        output = new($"{name}.o_proj", parameters);

    private readonly RotaryPositions? positions = settings.Positions is { } rope ? new(rope, settings.HeadSize) : null;

    /// <param name="initialization">Of the projections to queries, keys and values.</param>
    /// <param name="residual">Of the projection back.</param>
    public static IEnumerable<ParameterDefinition> Parameters(
        SelfAttentionSettings settings, string name, Initialization initialization, Initialization residual)
    {
        var (queries, keys) = ((long)settings.Heads * settings.HeadSize, (long)settings.KeyValueHeads * settings.HeadSize);
        return
        [
            .. Projection.Parameters($"{name}.q_proj", queries, settings.Width, settings.Bias, initialization),
            .. Projection.Parameters($"{name}.k_proj", keys, settings.Width, settings.Bias, initialization),
            .. Projection.Parameters($"{name}.v_proj", keys, settings.Width, settings.Bias, initialization),
            .. Projection.Parameters($"{name}.o_proj", settings.Width, queries, settings.Bias, residual),
        ];
    }

    /// <summary>Kept are queries, keys and values as the fused operator takes them, and what it returns.</summary>
    public static LayerCost Cost(SelfAttentionSettings settings, int context)
    {
        var (queries, keys) = ((double)settings.Heads * settings.HeadSize, (double)settings.KeyValueHeads * settings.HeadSize);
        return new(context * ((4.0 * settings.Width * (queries + keys)) + (4.0 * context * queries)), 4.0 * context * queries);
    }

    public Tensor Forward(Tensor input, Pass pass)
    {
        var (queries, keys) = (Heads(query, settings.Heads), Heads(key, settings.KeyValueHeads));
        if (positions is not null)
        {
            (queries, keys) = positions.Rotate(queries, keys, pass.Cache?.Length ?? 0);
        }

        var values = Heads(value, settings.KeyValueHeads);
        return output.Forward(
            settings.Causal ? Attention.Causal(queries, keys, values, name, pass) : Attention.Whole(queries, keys, values, pass), pass);

        Tensor Heads(Projection projection, int heads) =>
            projection.Forward(input, pass).view(input.shape[0], input.shape[1], heads, settings.HeadSize);
    }
}
