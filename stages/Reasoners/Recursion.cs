using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Reasoners;

/// <summary>A reasoner's recursion, unrolled into a list of layers: the embedding, each call of a network, the head. Calls of one network have the same
/// parameters, tied by their names, so that the recursion is cut into stages like any model. A pass is <c>highCycles</c> times (<c>lowCycles</c> times the
/// low state, then the high state); the last cycle is learned from.</summary>
/// <param name="Low">The network for the low state.</param>
/// <param name="LowName">Of its parameters.</param>
/// <param name="High">The one for the high state; the same with the same name.</param>
/// <param name="LearnsLastCallsOnly">The gradient goes through the last call for the low state and the last for the high one, as in HRM; else through
/// all of the last cycle, as in TRM.</param>
/// <param name="LooksAhead">In training a second pass follows, without gradient, that tells the worth of going on.</param>
internal sealed record Recursion(
    ReasoningEmbeddingSettings Embedding,
    ReasoningNetSettings Low,
    string LowName,
    ReasoningNetSettings High,
    string HighName,
    int HighCycles,
    int LowCycles,
    bool LearnsLastCallsOnly,
    bool LooksAhead,
    Halting Halting,
    bool IsStablemax)
{
    private const string Ahead = "ahead", Cycle = "cycle";

    public static int Calls(int highCycles, int lowCycles) => highCycles * (lowCycles + 1);

    public ModelDefinition Define()
    {
        var shape = new ReasoningOutputShape(Embedding.Cells, Embedding.Vocabulary, Embedding.Length, Embedding.Width);
        return new(
            [
                ReasoningEmbedding.Define(Embedding),
                .. CallsOf(Cycle),
                .. LooksAhead ? CallsOf(Ahead) : [],
                ReasoningHead.Define(shape, LooksAhead ? NetCall.PartsAhead : NetCall.Parts),
            ],
            new DeepSupervision(shape, Halting, IsStablemax))
        {
            IsCausal = false,
            Carry = new([2, Embedding.Length, Embedding.Width], Halting.MostPasses),
        };
    }

    private IEnumerable<LayerDefinition> CallsOf(string prefix) =>
        from cycle in Enumerable.Range(0, HighCycles)
        from call in Enumerable.Range(0, LowCycles + 1)
        let isHigh = call == LowCycles
        let isLearned = cycle == HighCycles - 1 && (!LearnsLastCallsOnly || call >= LowCycles - 1)
        select Call(
            isHigh ? $"{prefix}.{cycle}.high" : $"{prefix}.{cycle}.low.{call}",
            isHigh,
            prefix == Ahead ? NetCallKind.Ahead : isLearned ? NetCallKind.WithGradient : NetCallKind.WithoutGradient,
            prefix == Ahead && (cycle, call) != (0, 0) ? NetCall.PartsAhead : NetCall.Parts);

    /// <summary>Without gradient nothing is kept but the stream, which the layer before made.</summary>
    /// <param name="parts">Of the stream that comes in.</param>
    private LayerDefinition Call(string layer, bool isHigh, NetCallKind kind, int parts)
    {
        var (settings, name) = isHigh ? (High, HighName) : (Low, LowName);
        var cost = ReasoningNet.Cost(settings);
        var stream = (double)parts * settings.Length * settings.Width;
        return new(
            layer,
            [.. ReasoningNet.Parameters(settings, name)],
            new(cost.ForwardFlops, stream + (kind == NetCallKind.WithGradient ? cost.Activations : 0)),
            // The planner takes layers that one piece of code builds at one cost for alike, and no other adds parts to the stream as the first look ahead does.
            kind == NetCallKind.Ahead
                ? values => new NetCall(new ReasoningNet(settings, name, values), isHigh, NetCallKind.Ahead)
                : values => new NetCall(new ReasoningNet(settings, name, values), isHigh, kind))
        {
            IsWithoutGradient = kind != NetCallKind.WithGradient,
        };
    }
}
