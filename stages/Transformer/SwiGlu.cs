using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <summary>The gated feed-forward of Llama (Shazeer 2020, arXiv:2002.05202), a part of a block: down(silu(gate(x)) * up(x)), (..., width) in and
/// out. Names as in Hugging Face's Llama.</summary>
public sealed class SwiGlu(string name, IReadOnlyDictionary<string, Tensor> parameters) : IBlockPart
{
    private const int InnerMultiple = 256;

    private readonly Projection
        gate = new($"{name}.gate_proj", parameters),
        up = new($"{name}.up_proj", parameters),
        down = new($"{name}.down_proj", parameters);

    /// <summary>Llama's: 8/3 of the width, which costs what two matrices to and from four widths do, rounded up to a multiple of 256.</summary>
    public static int DefaultInner(int width) => ((8 * width / 3) + InnerMultiple - 1) / InnerMultiple * InnerMultiple;

    /// <param name="initialization">Of gate and up.</param>
    /// <param name="residual">Of the projection back.</param>
    public static IEnumerable<ParameterDefinition> Parameters(
        string name, long width, long inner, bool bias, Initialization initialization, Initialization residual) =>
    [
        .. Projection.Parameters($"{name}.gate_proj", inner, width, bias, initialization),
        .. Projection.Parameters($"{name}.up_proj", inner, width, bias, initialization),
        .. Projection.Parameters($"{name}.down_proj", width, inner, bias, residual),
    ];

    /// <param name="tokens">May be an average.</param>
    public static LayerCost Cost(double width, double inner, double tokens) => new(6 * tokens * width * inner, 4 * tokens * inner);

    public Tensor Forward(Tensor input, Pass pass) =>
        down.Forward(nn.functional.silu(gate.Forward(input, pass)) * up.Forward(input, pass), pass);
}
