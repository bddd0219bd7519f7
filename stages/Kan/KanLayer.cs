using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>A layer of a <see cref="KanNetwork"/>: real (sequences, inputs) to (sequences, outputs).</summary>
internal sealed class KanLayer(IBlockPart part) : Layer
{
    public override IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => part.EdgeFunctions;

    public override Tensor Forward(Tensor input, Pass pass) => part.Forward(input, pass);

    public override IReadOnlyList<string> Adapt(Tensor input, Pass pass) => part.Adapt(input, pass);
}
