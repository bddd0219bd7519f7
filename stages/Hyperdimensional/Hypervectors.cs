using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>Hyperdimensional computing (Kanerva 2009, doi:10.1007/s12559-009-9009-8) with the operations of Gayler's multiply, add, permute
/// architecture, as in torchhd: symbols are random vectors of so many signs that any two are nearly orthogonal, and structures of symbols are vectors
/// of the same dimensions. All work on the last dimension.</summary>
public static class Hypervectors
{
    /// <summary>A pair: like neither of the two. Bound again with one of them, it gives the other.</summary>
    public static Tensor Bind(Tensor one, Tensor other) => one * other;

    /// <summary>A set: like each of its members.</summary>
    public static Tensor Bundle(IEnumerable<Tensor> members) => members.Aggregate(Arithmetic.Add);

    /// <summary>At a place in an order: unlike the same at another place.</summary>
    public static Tensor Permute(Tensor input, int places) => input.roll(places, -1);

    /// <summary>How much each is like each symbol: dot product over dimensions, which is the cosine where the mean square of both is 1. Of two
    /// that have nothing in common it is near 0, with a deviation of 1/sqrt(dimensions).</summary>
    /// <param name="input">(..., dimensions).</param>
    /// <param name="symbols">(symbols, dimensions).</param>
    /// <returns>(..., symbols).</returns>
    public static Tensor Similarity(Tensor input, Tensor symbols) => Arithmetic.Scale(Operator.Linear(input, symbols, null), 1.0 / symbols.shape[1]);
}
