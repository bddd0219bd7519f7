using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>Coefficients of splines that take small random values at the inner knots, as in efficient-kan: uniform within 0.05 / intervals, the
/// shortest coefficients that do so. They do not depend on where the grid is.</summary>
internal sealed record SplineNoise(int Intervals, int Order) : Initialization
{
    private const double Scale = 0.1;

    /// <param name="values">(outputs, inputs, intervals + order).</param>
    public override void Fill(Tensor values, Generator generator)
    {
        var largest = Scale / 2 / Intervals;
        var places = Math.Min(Intervals + 1, Intervals + Order);   // a step function has one value an interval
        var noise = zeros([.. values.shape[..^1], places], values.dtype).uniform_(-largest, largest, generator).to(ScalarType.Float64);
        var knots = SplineGrid.Even(0, Intervals, Intervals, Order);
        var bases = BSpline.Bases(knots.narrow(0, Order, places).unsqueeze(-1), knots.unsqueeze(0), Order).squeeze(1);
        // The transpose of the pseudoinverse of a matrix of full row rank.
        values.copy_(noise.matmul(LeastSquares.Solve(bases.matmul(bases.t()).unsqueeze(0), bases.unsqueeze(0)).squeeze(0)));
    }
}
