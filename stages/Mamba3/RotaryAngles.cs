using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Mamba3;

/// <summary>Rotary positions whose steps come from the data (Lahoti et al. 2026, arXiv:2603.15569, section 3.2): turning b and c is the same as
/// a state with complex decays. A token's angle is the sum of <c>rate[t] dt[t]</c> over the tokens up to it, itself included.</summary>
internal static class RotaryAngles
{
    /// <summary>Sums in float64: an angle matters modulo 2 pi, and the sums grow with the length.</summary>
    /// <param name="rates">Radians a unit of time, shared by the heads: (sequences, length, pairs).</param>
    /// <param name="timeStep">(sequences, length, heads).</param>
    /// <param name="before">The angle before the first token, float64 (sequences, heads, pairs); zero without it.</param>
    /// <param name="starts">bool (sequences, length): the sum begins anew at a true position.</param>
    /// <returns>From 0 to 2 pi: float64 (sequences, length, heads, pairs).</returns>
    public static Tensor Sum(Tensor rates, Tensor timeStep, Tensor? before, Tensor? starts)
    {
        var steps = rates.to(ScalarType.Float64).unsqueeze(2) * timeStep.to(ScalarType.Float64).unsqueeze(-1);
        var sum = steps.cumsum(1);
        if (before is not null)
        {
            sum = Arithmetic.Add(sum, before.unsqueeze(1));
        }

        if (starts is not null)
        {
            sum = Arithmetic.Subtract(sum, BeforeDocument(Arithmetic.Subtract(sum, steps), starts));
        }

        var turns = Arithmetic.Scale(sum.detach(), 1 / Math.Tau).floor();
        return Arithmetic.Subtract(sum, Arithmetic.Scale(turns, Math.Tau));
    }

    /// <summary>Turns the pairs (0, 1), (2, 3), ... of the last dimension's beginning, as many as there are angles; the rest stays.</summary>
    /// <param name="input">(sequences, length, heads, size).</param>
    /// <param name="cosine">(sequences, length, heads, pairs).</param>
    /// <param name="sine">Likewise.</param>
    public static Tensor Turn(Tensor input, Tensor cosine, Tensor sine)
    {
        var turned = 2 * cosine.shape[^1];
        var parts = input.split([turned, input.shape[^1] - turned], -1);
        var pair = parts[0].unflatten(3, -1, 2).unbind(-1);
        var first = Arithmetic.Subtract(pair[0] * cosine, pair[1] * sine);
        var second = Arithmetic.AddProduct(pair[0] * sine, pair[1], cosine);
        return cat([stack([first, second], -1).flatten(3), parts[1]], -1);
    }

    /// <summary>Each token's share of the sums that is from before its document: zero for the document that the first token goes on with.</summary>
    /// <param name="earlier">The sums without the token itself.</param>
    private static Tensor BeforeDocument(Tensor earlier, Tensor starts)
    {
        var marks = starts.to(ScalarType.Int64);
        var (first, _) = cummax(marks * Arithmetic.Range(starts.shape[1], ScalarType.Int64, starts.device), 1);
        var (begun, _) = cummax(marks, 1);
        long[] places = [.. starts.shape, 1, 1];
        return earlier.gather(1, first.view(places).expand(earlier.shape)) * begun.view(places);
    }
}
