using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>A post-norm block: h = norm(h + mix(h)), h = norm(h + feedForward(h)), (sequences, length, width) in and out. The norms have no gain.
/// What mixes the positions is attention, or a feed-forward over them.</summary>
internal sealed class ReasoningBlock
{
    private readonly double epsilon;
    private readonly TwoWayAttention? attention;
    private readonly GatedFeedForward? mixer;
    private readonly GatedFeedForward feedForward;

    public ReasoningBlock(ReasoningNetSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters)
    {
        epsilon = settings.NormEpsilon;
        feedForward = new($"{name}.mlp", parameters);
        if (settings.Heads is { } heads)
        {
            attention = new(heads, settings.Width / heads, settings.Rope, $"{name}.self_attn", parameters);
        }
        else
        {
            mixer = new($"{name}.mlp_t", parameters);
        }
    }

    public static IEnumerable<ParameterDefinition> Parameters(ReasoningNetSettings settings, string name) =>
    [
        .. settings.Heads is null
            ? GatedFeedForward.Parameters($"{name}.mlp_t", settings.Length, settings.Expansion)
            : TwoWayAttention.Parameters($"{name}.self_attn", settings.Width),
        .. GatedFeedForward.Parameters($"{name}.mlp", settings.Width, settings.Expansion),
    ];

    /// <summary>Kept of each norm: the sum before it and the normalised value. A feed-forward over the positions also keeps its input and output turned.</summary>
    public static LayerCost Cost(ReasoningNetSettings settings)
    {
        var (width, length) = (settings.Width, settings.Length);
        var mixing = settings.Heads is null
            ? GatedFeedForward.Cost(length, GatedFeedForward.Inner(length, settings.Expansion), width)
            : TwoWayAttention.Cost(width, length, settings.Rope is not null);
        return mixing + GatedFeedForward.Cost(width, GatedFeedForward.Inner(width, settings.Expansion), length) + new LayerCost(0, 4.0 * length * width);
    }

    public Tensor Forward(Tensor input, Pass pass)
    {
        var mixed = Mix(input, pass);
        return Norm(mixed, feedForward.Forward(mixed, pass));
    }

    /// <summary>The norm of a feed-forward over the positions is over them too, as in the reference implementation.</summary>
    private Tensor Mix(Tensor input, Pass pass)
    {
        if (attention is not null)
        {
            return Norm(input, attention.Forward(input, pass));
        }

        var turned = input.transpose(1, 2);
        return Norm(turned, mixer!.Forward(turned, pass)).transpose(1, 2);
    }

    private Tensor Norm(Tensor input, Tensor branch) => Operator.RmsNorm(Arithmetic.Add(input, branch), epsilon);
}
