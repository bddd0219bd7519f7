using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>A layer, or a part of one, that is a sum of learned functions of one variable each: a function on every edge from an input to an output
/// (Kolmogorov-Arnold network, Liu et al. 2024, arXiv:2404.19756). Made for looking at what was learned.</summary>
public interface IEdgeFunctions
{
    int Inputs { get; }

    int Outputs { get; }

    /// <summary>Where the functions of an input were learned.</summary>
    (double Low, double High) RangeOf(int input);

    /// <summary>All functions of one input at given places: float64 (points) to float64 (points, outputs), in the caller's scope and under <c>no_grad</c>.</summary>
    Tensor Evaluate(int input, Tensor points);
}
