using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>The network that a reasoner calls again and again: blocks, before which something is added to the state.</summary>
/// <param name="name">Such as <c>L_level</c>.</param>
internal sealed class ReasoningNet(ReasoningNetSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters)
{
    private readonly ReasoningBlock[] blocks =
        [.. Enumerable.Range(0, settings.Layers).Select(index => new ReasoningBlock(settings, $"{name}.layers.{index}", parameters))];

    public static IEnumerable<ParameterDefinition> Parameters(ReasoningNetSettings settings, string name) =>
        Enumerable.Range(0, settings.Layers).SelectMany(index => ReasoningBlock.Parameters(settings, $"{name}.layers.{index}"));

    /// <summary>Of one call; kept besides what the blocks keep is the sum that they begin with.</summary>
    public static LayerCost Cost(ReasoningNetSettings settings)
    {
        var block = ReasoningBlock.Cost(settings);
        return new(settings.Layers * block.ForwardFlops, (settings.Layers * block.Activations) + ((double)settings.Length * settings.Width));
    }

    /// <param name="state">(sequences, length, width).</param>
    /// <param name="injection">The same.</param>
    /// <returns>The next state.</returns>
    public Tensor Forward(Tensor state, Tensor injection, Pass pass) =>
        blocks.Aggregate(Arithmetic.Add(state, injection), (hidden, block) => block.Forward(hidden, pass));
}
