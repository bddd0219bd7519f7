using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>One cuttable piece of a model. A layer holds no tensors of its own: its parameters belong to the stage.</summary>
public abstract class Layer
{
    /// <summary>Runs the layer on one micro-batch. Everything it allocates lives in the caller's dispose scope.</summary>
    /// <param name="input">What the layer before returned; the sample's inputs for the first: token ids, int64 (sequences, length), or real
    /// numbers (sequences, inputs).</param>
    public abstract Tensor Forward(Tensor input, Pass pass);

    /// <summary>Between two steps: brings state of the layer's own up to date with what comes in, by changing its parameters in place. Under
    /// <c>no_grad</c>; every replica gets the same input, of the training's data, and the layers before have adapted already. What it
    /// changes must not be tied to another layer.</summary>
    /// <param name="input">As in <see cref="Forward"/>, of one micro-batch.</param>
    /// <returns>The names of the parameters that the optimizer's state no longer fits.</returns>
    public virtual IReadOnlyList<string> Adapt(Tensor input, Pass pass) => [];

    /// <summary>Its parts that are learned functions on edges, with their names; none in most layers.</summary>
    public virtual IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [];
}
