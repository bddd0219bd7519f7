using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>Self-attention in which every position sees every other, with its projections: (sequences, length, width) in and out. Names as in the
/// reasoners' reference implementations.</summary>
internal sealed class TwoWayAttention(int heads, int headSize, RopeSettings? rope, string name, IReadOnlyDictionary<string, Tensor> parameters)
{
    private readonly Projection all = new($"{name}.qkv_proj", parameters), output = new($"{name}.o_proj", parameters);
    private readonly RotaryPositions? positions = rope is null ? null : new(rope, headSize);

    public static IEnumerable<ParameterDefinition> Parameters(string name, int width) =>
    [
        .. Projection.Parameters($"{name}.qkv_proj", 3L * width, width, bias: false, TruncatedNormal.ByInputs(width)),
        .. Projection.Parameters($"{name}.o_proj", width, width, bias: false, TruncatedNormal.ByInputs(width)),
    ];

    /// <summary>Kept are queries, keys and values together, those of the first two that have turned, and what the fused operator returns.</summary>
    public static LayerCost Cost(double width, double length, bool turns) =>
        new(length * ((8 * width * width) + (4 * length * width)), length * width * (turns ? 6 : 4));

    public Tensor Forward(Tensor input, Pass pass)
    {
        var parts = all.Forward(input, pass).chunk(3, -1);
        var (query, key, value) = (Heads(parts[0]), Heads(parts[1]), Heads(parts[2]));
        if (positions is not null)
        {
            (query, key) = positions.Rotate(query, key, 0);
        }

        var mixed = nn.functional.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2));
        return output.Forward(mixed.transpose(1, 2).reshape(input.shape), pass);

        Tensor Heads(Tensor part) => part.view(input.shape[0], input.shape[1], heads, headSize);
    }
}
