using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>Updates the parameters that ask for it by the sign of their gradients (<see cref="ParameterUpdate.BySign"/>), whatever the job's optimizer.
/// There is no state, and no scale of the gradient would change anything.</summary>
/// <param name="pieces">All with that update.</param>
public sealed class SignDescent(IReadOnlyList<ParameterPiece> pieces) : IDisposable
{
    public void Apply()
    {
        using var noGradient = no_grad();
        foreach (var piece in pieces)
        {
            using var scope = NewDisposeScope();
            var update = (ParameterUpdate.BySign)piece.Parameter.Definition.Update!;
            var gradient = piece.Gradient ?? throw new InvalidOperationException($"Parameter {piece.Name} has no gradient: no backward reached it.");
            var value = Arithmetic.ScaleInPlace(piece.Value.detach(), 1 - (update.Rate * update.Decay));
            Arithmetic.AddScaledTo(value, gradient.sign(), -update.Rate);
        }
    }

    public void Dispose()
    {
        foreach (var piece in pieces)
        {
            piece.Dispose();
        }
    }
}
