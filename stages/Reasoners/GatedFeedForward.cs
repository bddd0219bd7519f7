using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>A gated feed-forward (Shazeer 2020, arXiv:2002.05202) with gate and up in one matrix: down(silu(gate(x)) * up(x)), (..., width) in and
/// out. Names as in the reasoners' reference implementations.</summary>
internal sealed class GatedFeedForward(string name, IReadOnlyDictionary<string, Tensor> parameters)
{
    private const int InnerMultiple = 256;

    private readonly Projection both = new($"{name}.gate_up_proj", parameters), down = new($"{name}.down_proj", parameters);

    /// <summary>2/3 of the expansion, so that three matrices cost what two of the whole would; rounded up to a multiple of 256.</summary>
    public static long Inner(int width, double expansion) =>
        ((long)Math.Round(expansion * width * 2 / 3) + InnerMultiple - 1) / InnerMultiple * InnerMultiple;

    public static IEnumerable<ParameterDefinition> Parameters(string name, int width, double expansion)
    {
        var inner = Inner(width, expansion);
        return
        [
            .. Projection.Parameters($"{name}.gate_up_proj", 2 * inner, width, bias: false, TruncatedNormal.ByInputs(width)),
            .. Projection.Parameters($"{name}.down_proj", width, inner, bias: false, TruncatedNormal.ByInputs(inner)),
        ];
    }

    /// <summary>Kept are gate and up, silu's result and the product.</summary>
    public static LayerCost Cost(double width, double inner, double rows) => new(6 * rows * width * inner, 4 * rows * inner);

    public Tensor Forward(Tensor input, Pass pass)
    {
        var halves = both.Forward(input, pass).chunk(2, -1);
        return down.Forward(nn.functional.silu(halves[0]) * halves[1], pass);
    }
}
