using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>The last layer of a reasoner: from the stream to what <see cref="ReasoningOutputShape"/> packs. The high state becomes logits at each
/// cell; at the first position, whether to halt.</summary>
internal sealed class ReasoningHead(ReasoningOutputShape shape, IReadOnlyDictionary<string, Tensor> parameters) : Layer
{
    private const string Logits = "lm_head.weight", Halting = "q_head.weight", HaltingBias = "q_head.bias";

    /// <summary>The halting starts at almost never, whatever the state, so that it is learned fast once there is something to tell apart.</summary>
    public static LayerDefinition Define(ReasoningOutputShape shape, int streamParts) => new(
        "head",
        [
            new(Logits, [shape.Vocabulary, shape.Width], TruncatedNormal.ByInputs(shape.Width)),
            new(Halting, [2, shape.Width], Initialization.Constant(0)),
            new(HaltingBias, [2], Initialization.Constant(-5)),
        ],
        // Kept: the stream, the cells of it that the projection took, and the logits as the loss has them, in float64.
        new(
            2.0 * shape.Cells * shape.Width * shape.Vocabulary,
            ((double)streamParts * shape.Length * shape.Width) + (shape.Cells * (shape.Width + (8.0 * shape.Vocabulary)))),
        parameters => new ReasoningHead(shape, parameters));

    public override Tensor Forward(Tensor input, Pass pass)
    {
        var parts = input.unbind(1);
        var high = parts[NetCall.High];
        var logits = pass.Linear(high.narrow(1, shape.Length - shape.Cells, shape.Cells), parameters[Logits], null);
        var state = stack([high.detach(), parts[NetCall.Low].detach()], 1);
        return ReasoningOutputShape.Pack(new(
            logits, Choose(high, pass), parts.Length == NetCall.PartsAhead ? ChooseAhead(parts[NetCall.AheadHigh], pass) : null, state));
    }

    private Tensor Choose(Tensor high, Pass pass) => pass.Linear(high.select(1, 0), parameters[Halting], parameters[HaltingBias]);

    private Tensor ChooseAhead(Tensor high, Pass pass)
    {
        using var noGradient = no_grad();
        return Choose(high, pass);
    }
}
