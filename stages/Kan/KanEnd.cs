using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>The first or last layer of a <see cref="KanNetwork"/>, where a language model has its embedding and its head: real numbers as they
/// are, in the type that the pass computes in.</summary>
internal sealed class KanEnd : Layer
{
    public static LayerDefinition Define(string name) => new(name, [], default, _ => new KanEnd());

    public override Tensor Forward(Tensor input, Pass pass) => input.to(pass.Compute);
}
